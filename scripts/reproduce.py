"""Train a run again by what its directory says, and compare the records."""

from deltaflow.__main__ import reproduce

if __name__ == "__main__":
    reproduce()
