"""Measure what this project costs beside a plain loop and bare Lightning."""

from deltaflow.__main__ import enter

if __name__ == "__main__":
    enter("benchmark")
