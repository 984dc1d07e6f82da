"""deltaflow shows and compares how gradients flow through fully connected networks.

The error that back-propagation carries to layer l, δ_l = ∂loss/∂z_l, is the quantity
that flows. The package trains R replicas of one network at once, each with its own seed,
records δ and its companions layer by layer, and keeps them as tables.

    from deltaflow import load_run, run_sweep, train

A package imports only from packages above it in this list:

``system``
    files, memory, processes, signals, errors
``nn``, ``config``, ``records``
    networks with a replica axis; configurations; the tables and the summary of a run
``flow``, ``data``
    the measurements of a training step; the data sets
``theory``
    mean-field theory of networks at initialisation
``training``
    the LightningModule, the data module and the callbacks
``verdicts``, ``comparison``
    what is wrong with a run and what to try; statistics over many runs
``terminal``, ``figures``, ``page``
    output as text, as figures and as an HTML page
``experiment``
    training one run from its configuration to its result
``sweep``, ``watching``, ``live_page``
    sweeps and their reports; measurements of any PyTorch model; an interactive page
``commands``, ``sklearn``
    the Python functions and commands that users call; estimators for scikit-learn

Benchmarks, claims and lessons are in ``scripts/``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltaflow.commands.api import Compared, Sweep, assemble, compare, run_sweep, train
    from deltaflow.experiment.results.result import Run, load_run
    from deltaflow.live_page import live
    from deltaflow.system.errors import UserError
    from deltaflow.watching import FlowMonitor, check, watch

__version__ = "0.1.0"
__all__ = [
    "Compared", "FlowMonitor", "Run", "Sweep", "UserError", "assemble", "check", "compare",
    "live", "load_run", "run_sweep", "train", "watch",
]  # fmt: skip

_HOMES = {
    "Run": "experiment.results.result", "load_run": "experiment.results.result",
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
