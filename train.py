"""Train a fully connected network and show how its gradients flow."""

from deltaflow.cli import main

if __name__ == "__main__":
    main()
