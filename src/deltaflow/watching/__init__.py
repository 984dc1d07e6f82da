"""Measures the gradient flow of any PyTorch model, in a training loop or under Lightning.

    with deltaflow.watch(model, "outputs/mine") as flow:
        for x, y in loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flow.step(loss)

``measuring``
    what is measured in a model, and at which steps
``verdicts``
    verdicts, with remedies for PyTorch code
``recorder``
    the records of a training, in a run directory
``loop``, ``monitor``, ``checking``
    entry points: for a user's training loop, for Lightning, and for one step before training
"""

from typing import TYPE_CHECKING, Any

from deltaflow.watching.checking import Check, check
from deltaflow.watching.loop import Watch, watch
from deltaflow.watching.verdicts.fail_on import FindingError, check_kinds

if TYPE_CHECKING:
    from deltaflow.watching.monitor import FlowMonitor

__all__ = ["Check", "FindingError", "FlowMonitor", "Watch", "check", "check_kinds", "watch"]


def __getattr__(name: str) -> Any:
    """Import the monitor on first use, because it imports Lightning."""
    if name == "FlowMonitor":
        from deltaflow.watching.monitor import FlowMonitor

        return FlowMonitor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
