"""Rank, compare and draw the runs of one or more sweeps."""

from deltaflow.__main__ import report

if __name__ == "__main__":
    report()
