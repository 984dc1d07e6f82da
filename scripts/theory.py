"""Predict how gradients will flow through a network, before any training."""

from deltaflow.__main__ import theory

if __name__ == "__main__":
    theory()
