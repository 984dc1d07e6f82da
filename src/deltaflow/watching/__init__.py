"""The same instrument on anybody's model: a training loop, or a LightningModule.

    with deltaflow.watch(model, "outputs/mine") as flow:
        for x, y in loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flow.step(loss)

``measuring``
    what is measured of a model, and when
``judgement``
    what is wrong, and what to do about it in PyTorch's words
``recorder``
    the run directory that a training ends in
``loop``, ``monitor``, ``checking``
    for a loop of one's own, for Lightning, and before any training
"""

from typing import TYPE_CHECKING, Any

from deltaflow.watching.checking import Check, check
from deltaflow.watching.judgement.fail_on import FindingError
from deltaflow.watching.loop import Watch, watch

if TYPE_CHECKING:
    from deltaflow.watching.monitor import FlowMonitor

__all__ = ["Check", "FindingError", "FlowMonitor", "Watch", "check", "watch"]


def __getattr__(name: str) -> Any:
    """Import the monitor on first use: the others do not wait for Lightning."""
    if name == "FlowMonitor":
        from deltaflow.watching.monitor import FlowMonitor

        return FlowMonitor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
