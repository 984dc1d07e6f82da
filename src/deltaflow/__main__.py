"""Entry point of every command: the installed ones, ``scripts/`` and ``python -m deltaflow``.

The environment is checked before libraries are imported, so a fault in it is one message.
"""

import atexit
import gc
import os
import sys
from functools import partial

from deltaflow.system.environment import import_without_gc, prepare_environment
from deltaflow.system.errors import UserError


def enter(module: str) -> None:
    """Import a command and run it; Ctrl-C ends both without a traceback.

    Args:
        module: name of the module whose ``main`` is the command.

    Raises:
        SystemExit: with a status other than 0, if the command fails.
    """
    try:
        prepare_environment()
        atexit.register(gc.freeze)  # no garbage collection when the process ends
        from deltaflow.system.signals import (
            raise_on_stop_signals,
            single_interrupt,
            terminate_on_signals,
        )

        raise_on_stop_signals()
        with single_interrupt():
            command = import_without_gc(module).main
            try:
                command()
            finally:
                terminate_on_signals()
                _flush()
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # the status that shells use for Ctrl-C
    except BrokenPipeError:  # the reader has gone, as after `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(1) from None
    except (ValueError, ImportError, OSError, MemoryError) as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(f"deltaflow: {_explained(error)}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from None


def _flush() -> None:
    """Flush standard output; if that fails, say so and exit with status 1."""
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
    """The message for an error that no command has explained."""
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
