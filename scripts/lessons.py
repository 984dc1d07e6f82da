"""List and run the lessons."""

import sys
from pathlib import Path

from deltaflow.__main__ import enter

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent / "lessons"))
    enter("course.command")
