"""List and run the lessons."""

from deltaflow.lessons.command import main

if __name__ == "__main__":
    main()
