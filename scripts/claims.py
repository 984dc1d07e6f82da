"""Measure what is often claimed of activations, losses and depth."""

from deltaflow.__main__ import enter

if __name__ == "__main__":
    enter("claims.command")
