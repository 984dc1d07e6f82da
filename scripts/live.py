"""Open the live page: change one thing, and see the gradient answer."""

from deltaflow.__main__ import live

if __name__ == "__main__":
    live()
