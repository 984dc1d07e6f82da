"""The command line: from what was typed to a run, and from any error to one message.

torch is imported only when a run begins, so help and mistakes are quick.
"""

import os
import secrets
import signal
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from deltaflow.config import RunConfig
from deltaflow.messages import explain, print_error
from deltaflow.report import ranking, terminal
from deltaflow.report.screen import console
from deltaflow.sweep import slug

INTERRUPTED = 130  # as shells give it after Ctrl-C
_ENDINGS = [
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # a batch system's, and a closed terminal's: ends as Ctrl-C is one


def config_directory() -> Path:
    """``conf/`` within the installed package, or of the checkout, where it has no copy."""
    packaged = Path(__file__).parent / "conf"
    return packaged if packaged.exists() else Path(__file__).parents[2] / "conf"


def unique(kind: str = "") -> str:
    """The name of a run or sweep directory that no other process gives, at any moment."""
    stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
    return "_".join(filter(None, [kind, stamp, f"{os.getpid()}-{secrets.token_hex(3)}"]))


def train(config: DictConfig, with_traceback: bool = False) -> None:
    """One run, alone or as part of a sweep.

    A run of a sweep never raises: the sweep goes on, and its end reports.

    Args:
        config: composed.
        with_traceback: show where errors come from.

    Raises:
        SystemExit: with status 1, if a run on its own fails.
    """
    settings = HydraConfig.get()
    directory = Path(settings.runtime.output_dir)
    alone = settings.mode == RunMode.RUN
    out = console()
    try:
        from deltaflow import experiment

        result = experiment.run(
            config,
            directory,
            choices=dict(settings.runtime.choices),
            overrides=list(settings.overrides.task),
            command=sys.argv,
            console=out if alone else None,
        )
        if alone:
            terminal.print_run(out, directory, result.summary, result.layers)
        else:
            line = f"{directory.name}: {ranking.describe_run(result.summary)}"
            out.print(line, soft_wrap=True, markup=False)
    except Exception as error:
        if with_traceback and alone:
            raise
        message = explain(error)
        print_error(message if alone else f"{directory.name}: {message}")
        if with_traceback:
            traceback.print_exc()
        if alone:
            raise SystemExit(1) from error


def main() -> None:
    """Run the command line; the exit status is 0 only if everything went well."""
    with_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises, where it would print for itself
    for category in (DeprecationWarning, FutureWarning):  # of libraries, for their developers
        warnings.simplefilter("ignore", category)
    sys.path.append(os.getcwd())  # classes of the user's own, named by `_target_`
    warnings.showwarning = lambda message, *_, **__: print_error(f"warning: {message}")
    threading.excepthook = lambda failed: print_error(explain(failed.exc_value or SystemExit()))

    for number in _ENDINGS:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored, and so it stays
            signal.signal(number, signal.default_int_handler)

    @hydra.main(version_base="1.3", config_path=str(config_directory()), config_name="train")
    def application(config: DictConfig) -> None:
        train(config, with_traceback)

    try:
        _refuse_stray_arguments()
        application()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print_error("interrupted. What was measured until then is kept.")
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:  # nobody reads any more, as after `--help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except Exception as error:
        if with_traceback:
            raise
        print_error(explain(error))
        raise SystemExit(1) from None


def _refuse_stray_arguments() -> None:
    """Refuse flags that do not exist, and those that stand between overrides.

    Raises:
        ValueError: for the first.
    """
    _, stray = get_args_parser().parse_known_args()
    for argument in stray:
        if argument.startswith("-"):
            raise ValueError(
                f"A flag must be one that there is. Found `{argument}`. --help lists the usual "
                "ones, --hydra-help all of them."
            )
        raise ValueError(
            f"Flags must stand before or after all overrides. Found `{argument}` behind a flag "
            "that is behind other overrides. Move the flags to the end."
        )


# Worker processes of a parallel launcher import this module and nothing else of ours before
# Hydra composes their configuration, so the names must be known once it is imported.
ConfigStore.instance().store(name="schema", node=RunConfig)
OmegaConf.register_new_resolver("deltaflow.unique", unique, use_cache=True, replace=True)
OmegaConf.register_new_resolver("deltaflow.slug", slug, replace=True)
