"""Rank, compare and draw the runs of one or more sweeps."""

from deltaflow.reporting import main

if __name__ == "__main__":
    main()
