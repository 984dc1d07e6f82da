"""List and run the lessons."""

from deltaflow.__main__ import lessons

if __name__ == "__main__":
    lessons()
