"""Measure what this project costs beside a plain loop and bare Lightning."""

from deltaflow.benchmark import main

if __name__ == "__main__":
    main()
