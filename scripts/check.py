"""Say what the first step tells of a model, before any training."""

from deltaflow.__main__ import check

if __name__ == "__main__":
    check()
