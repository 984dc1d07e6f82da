"""Predict how gradients will flow through a network, before any training."""

from deltaflow.theory import main

if __name__ == "__main__":
    main()
