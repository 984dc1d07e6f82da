"""Watch models whose fault is known, and hold another instrument beside."""

from deltaflow.__main__ import enter

if __name__ == "__main__":
    enter("watching_accuracy.command")
