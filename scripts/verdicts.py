"""Judge networks whose fault is known."""

from deltaflow.trial import main

if __name__ == "__main__":
    main()
