"""The way into every command, be it installed, in ``scripts/`` or ``python -m deltaflow``.

What is around a command is made ready, or refused in one message, before libraries are imported.
"""

import atexit
import gc
import os
import sys
from functools import partial

from deltaflow.system.environment import imported, prepare
from deltaflow.system.errors import UserError


def enter(module: str) -> None:
    """Import what a command takes, and run it; Ctrl-C ends both without a traceback.

    Args:
        module: whose ``main`` is the command.

    Raises:
        SystemExit: with another status than 0, if it fails.
    """
    try:
        prepare()
        atexit.register(
            gc.freeze
        )  # what the process has goes with it, without being looked through
        from deltaflow.system.signals import let_signals_end_it, raise_asking, raised_once

        raise_asking()
        with raised_once():
            command = imported(module).main
            try:
                command()
            finally:
                let_signals_end_it()
                _flush()
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # as shells give it
    except BrokenPipeError:  # nobody reads any more, as after `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(1) from None
    except (ValueError, ImportError, OSError, MemoryError) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(f"deltaflow: {_explained(error)}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from None


def _flush() -> None:
    """Write what has been said, while there is somebody to tell what goes wrong with it."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print(  # noqa: T201
            f"deltaflow: What a command says must be written somewhere. Found {error}. "
            "Check the free space there.",
            file=sys.stderr,
        )
        raise SystemExit(1) from None


def _explained(error: Exception) -> str:
    """The message for what went wrong before anything of ours could say it."""
    if isinstance(error, UserError):
        return str(error)
    return (
        "A command must be able to load its libraries. Found "
        f"{type(error).__name__}: {' '.join(str(error).split())[:300] or 'no reason'}. Install it "
        "again with `pip install deltaflow`, or give it more memory."
    )


main = partial(enter, "deltaflow.commands.train")
check = partial(enter, "deltaflow.commands.analysis.check")
live = partial(enter, "deltaflow.commands.analysis.live")
predict = partial(enter, "deltaflow.commands.analysis.predict")
report = partial(enter, "deltaflow.commands.analysis.report")
reproduce = partial(enter, "deltaflow.commands.analysis.reproduce")
theory = partial(enter, "deltaflow.commands.analysis.theory")

if __name__ == "__main__":
    main()
