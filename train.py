"""Train a fully connected network and show how its gradients flow."""

from deltaflow.__main__ import main

if __name__ == "__main__":
    main()
