"""The way in: ``deltaflow-train``, ``python train.py`` and ``python -m deltaflow``."""

INTERRUPTED = 130  # as shells give it after Ctrl-C


def main() -> None:
    """Import what the command line takes, and run it; Ctrl-C ends both without a traceback."""
    try:
        from deltaflow.cli import main as command_line
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    command_line()


if __name__ == "__main__":
    main()
