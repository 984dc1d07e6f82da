"""Measure what is often claimed of activations, losses and depth."""

from deltaflow.__main__ import claims

if __name__ == "__main__":
    claims()
