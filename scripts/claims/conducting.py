"""Run a claim's preset as ``python train.py -m`` does, in this process and without its talk."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from claims.claim import FOLDER
from deltaflow.commands import train as cli
from deltaflow.comparison.collect import CollectedRun, collect
from deltaflow.comparison.configuration import ENDED
from deltaflow.config.messages import INTERRUPTED
from deltaflow.system.errors import UserError

LOG = "multirun.log"
_SILENT = ("logger=none", "~hydra.callbacks.ranking")  # no boards, and no page at the end


def conduct(name: str, overrides: Sequence[str], directory: Path) -> list[CollectedRun]:
    """Run a preset; what is finished there is kept.

    Args:
        name: of the preset.
        overrides: of it.
        directory: of the sweep.

    Returns:
        Its runs.

    Raises:
        ValueError: if one of them has not ended well.
        KeyboardInterrupt: if interrupted.
    """
    directory.mkdir(parents=True, exist_ok=True)
    begun = (directory / "multirun.yaml").exists()
    where = "sweep.resume" if begun else "hydra.sweep.dir"
    quoted = str(directory).replace("'", r"\'")
    chosen = ["-m", f"experiment={FOLDER}/{name}", *overrides, *_SILENT, f"{where}='{quoted}'"]
    with (
        (directory / LOG).open("a", encoding="utf-8") as log,
        _as_command(["train.py", *chosen]),
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        status = _status()
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    return _whole(directory)


def _status() -> int:
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def _whole(directory: Path) -> list[CollectedRun]:
    """The runs of a sweep.

    Raises:
        ValueError: if there is none, or one that has not ended.
    """
    try:
        runs = collect([directory])
    except ValueError:
        said = (directory / LOG).read_text(encoding="utf-8").strip().splitlines()
        raise UserError(
            f"A claim must make runs. Found none: {said[-1] if said else 'without a message'}"
        ) from None
    broken = [run for run in runs if run.status not in ENDED]
    if broken:
        raise UserError(
            f"All runs of a claim must come to an end. Found {broken[0].directory.name} "
            f"{broken[0].status}: {broken[0].reason} {directory / LOG} has more. Run it again: "
            "finished runs are kept."
        )
    return runs


@contextmanager
def _as_command(arguments: Sequence[str]) -> Iterator[None]:
    """Let the command line take a process for its own, and leave that as it was."""
    typed, path, environment = sys.argv, list(sys.path), os.environ.get("HYDRA_FULL_ERROR")
    hooks = warnings.showwarning, threading.excepthook
    signals = {
        number: signal.getsignal(number)
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
    }
    sys.argv = list(arguments)
    os.environ.pop("HYDRA_FULL_ERROR", None)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        sys.argv, sys.path[:] = typed, path
        warnings.showwarning, threading.excepthook = hooks
        os.environ.pop("HYDRA_FULL_ERROR", None)
        if environment is not None:
            os.environ["HYDRA_FULL_ERROR"] = environment
        if threading.current_thread() is threading.main_thread():
            for number, handler in signals.items():
                signal.signal(number, handler)
