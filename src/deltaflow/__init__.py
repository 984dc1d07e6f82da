"""deltaflow shows and compares how gradients flow through fully connected networks.

The error that back-propagation carries to layer l, δ_l = ∂loss/∂z_l, is the quantity
that flows. The package trains R replicas of one network at once, each with its own seed,
records δ and its companions layer by layer, and keeps them as tables.

    from deltaflow import load_run, run_sweep, train

The house has a dozen rooms. Imports point down only. From the bottom:

``system``
    the machine around a program: files, memory, processes, signals, foreign text
``nn``, ``config``, ``records``
    networks as a tensor axis, what was asked for, what a run leaves behind
``flow``, ``data``
    what is measured of a training step, and where samples come from
``theory``
    what mean-field theory predicts, and how it lies beside a measurement
``training``
    Lightning's shells around it all
``verdicts``, ``comparison``
    what is wrong with a run and what to try; what many runs say together
``terminal``, ``figures``, ``page``
    three ways to show it
``experiment``
    from a configuration to a result, from the command line or from Python
``sweep``, ``watching``, ``live_page``
    the runs of a multirun, and the report on them; the same instrument on anybody's model; a page
    where one changes one thing and sees the gradient answer
``commands``, ``sklearn``
    from what was typed to a call; estimators of scikit-learn

What is measured and taught with it is in ``scripts/``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltaflow.commands.api import Compared, Sweep, assemble, compare, run_sweep, train
    from deltaflow.experiment.result import Run, load_run
    from deltaflow.live_page import live
    from deltaflow.system.errors import UserError
    from deltaflow.watching import FlowMonitor, check, watch

__version__ = "0.1.0"
__all__ = [
    "Compared", "FlowMonitor", "Run", "Sweep", "UserError", "assemble", "check", "compare",
    "live", "load_run", "run_sweep", "train", "watch",
]  # fmt: skip

_HOMES = {
    "Run": "experiment.result", "load_run": "experiment.result",
    "Sweep": "commands.api", "run_sweep": "commands.api", "train": "commands.api",
    "assemble": "commands.api", "compare": "commands.api", "Compared": "commands.api",
    "UserError": "system.errors", "live": "live_page",
    "FlowMonitor": "watching", "check": "watching", "watch": "watching",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import on first use, so that ``--help`` need not wait for torch."""
    if name in _HOMES:
        return getattr(import_module(f"deltaflow.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
