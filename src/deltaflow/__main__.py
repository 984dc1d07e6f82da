"""The way in: ``deltaflow-train``, ``python train.py`` and ``python -m deltaflow``."""


def main() -> None:
    """Import what the command line takes, and run it; Ctrl-C ends both without a traceback."""
    try:
        from deltaflow.cli import main as command_line
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # as shells give it
    command_line()


if __name__ == "__main__":
    main()
