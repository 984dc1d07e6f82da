"""Measure what is often claimed of activations, losses and depth."""

from deltaflow.claims.command import main

if __name__ == "__main__":
    main()
