"""Configures the process of a command: warnings, errors of threads, signals; and restores it."""

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
    """Set how this process, the first or a worker, prints warnings and reacts to signals."""
    print_warnings()
    _ignore_plugin_names()
    threading.excepthook = _report_thread_error
    raise_on_stop_signals()


def _report_thread_error(failed: threading.ExceptHookArgs) -> None:
    """Print the error of a thread, unless the thread keeps it and raises it where it is used.

    TensorBoard's writer does so, and the run reports the error once.
    """
    if (
        failed.exc_value is None
        or getattr(failed.thread, "exception", None) is not failed.exc_value
    ):
        print_error(explain(failed.exc_value or SystemExit()))


def _ignore_plugin_names() -> None:
    """Ignore Hydra's warning that a plugin and the settings for it have the same name."""
    warnings.filterwarnings("ignore", message=r"\s*'hydra/launcher/\w+' is validated against")


_ignore_plugin_names()  # also in workers, which import this module first


@contextmanager
def process_restored() -> Iterator[None]:
    """Let a command change this process, and restore the process at the end of the block."""
    path, environment = list(sys.path), os.environ.get("HYDRA_FULL_ERROR")
    hooks = warnings.showwarning, threading.excepthook
    hydra, log = HydraConfig.instance(), logging.getLogger()
    config, level, receivers = hydra.cfg, log.level, list(log.handlers)
    opened, named = list(logging._handlerList), dict(logging._handlers)  # type: ignore[attr-defined]
    logging._handlerList.clear()  # type: ignore[attr-defined]  # Hydra would close them all
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
        log.handlers[:] = receivers  # Hydra's handlers write to the redirected stream
        os.environ.pop("HYDRA_FULL_ERROR", None)
        if environment is not None:
            os.environ["HYDRA_FULL_ERROR"] = environment
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
