"""The process that a command has for itself: how it speaks and ends, and how it was before."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from deltaflow.config.messages import explain, print_error, print_warnings
from deltaflow.system.signals import STOP_SIGNALS, raise_on_stop_signals


def prepare_process() -> None:
    """Make this process, be it the first or a worker, speak and end as all do."""
    print_warnings()
    _ignore_names_of_plugins()
    threading.excepthook = _tell_of_thread
    raise_on_stop_signals()


def _tell_of_thread(failed: threading.ExceptHookArgs) -> None:
    """Say what ended a thread, unless it keeps that to raise it where the thread is used.

    TensorBoard's writer does: what it could not write is told once, by the run.
    """
    if (
        failed.exc_value is None
        or getattr(failed.thread, "exception", None) is not failed.exc_value
    ):
        print_error(explain(failed.exc_value or SystemExit()))


def _ignore_names_of_plugins() -> None:
    """A launcher of a plugin and our settings for it go by one name, which Hydra warns of."""
    warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")


_ignore_names_of_plugins()  # for workers too, which import this module before they compose


@contextmanager
def process_restored() -> Iterator[None]:
    """Let a command take the process for its own, and leave it as it was."""
    path, environment = list(sys.path), os.environ.get("HYDRA_FULL_ERROR")
    hooks = warnings.showwarning, threading.excepthook
    hydra, log = HydraConfig.instance(), logging.getLogger()
    config, level, receivers = hydra.cfg, log.level, list(log.handlers)
    opened, named = list(logging._handlerList), dict(logging._handlers)  # type: ignore[attr-defined]
    logging._handlerList.clear()  # type: ignore[attr-defined]  # or Hydra closes them all
    applications = GlobalHydra.instance()
    application, applications.hydra = applications.hydra, None
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    os.environ.pop("HYDRA_FULL_ERROR", None)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        sys.path[:] = path
        warnings.showwarning, threading.excepthook = hooks
        hydra.cfg = config
        applications.hydra = application
        logging._handlerList[:] = opened  # type: ignore[attr-defined]
        logging._handlers.update(named)  # type: ignore[attr-defined]
        log.setLevel(level)
        log.handlers[:] = receivers  # Hydra's write to what was standard output
        os.environ.pop("HYDRA_FULL_ERROR", None)
        if environment is not None:
            os.environ["HYDRA_FULL_ERROR"] = environment
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
