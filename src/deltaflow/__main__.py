"""The way in: ``deltaflow-train``, ``python train.py`` and ``python -m deltaflow``."""


def main() -> None:
    """Import what the command line takes, and run it; Ctrl-C ends both without a traceback."""
    try:
        from deltaflow.interruption import let_signals_end_it, raise_asking, raised_once

        raise_asking()
        with raised_once():
            from deltaflow.cli import main as command_line

            try:
                command_line()
            finally:
                let_signals_end_it()
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # as shells give it


if __name__ == "__main__":
    main()
