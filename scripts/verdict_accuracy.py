"""Judge networks whose fault is known."""

from deltaflow.__main__ import enter

if __name__ == "__main__":
    enter("verdict_accuracy.command")
