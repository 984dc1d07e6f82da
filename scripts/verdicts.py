"""Judge networks whose fault is known."""

from deltaflow.__main__ import verdicts

if __name__ == "__main__":
    verdicts()
