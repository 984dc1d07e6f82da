"""The same instrument on anybody's model: a training loop, or a LightningModule.

    with deltaflow.watch(model, "outputs/mine") as flow:
        for x, y in loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flow.step(loss)

``layers``
    which modules are watched, and what of them is exact
``following``
    what function follows a layer, found by following its output
``heard``, ``tape``
    what is heard of a layer in a measured step, and the hooks that hear it
``loss_graph``
    what a loss was made of
``observations``, ``recorder``
    what is noted of step after step, and the run directory that it ends in
``evidence``, ``judging``, ``words``
    what is wrong, and what to do about it in PyTorch's words
``loop``, ``monitor``, ``checking``
    for a loop of one's own, for Lightning, and before any training
"""

from deltaflow.watching.checking import Check, check
from deltaflow.watching.failing import FindingError
from deltaflow.watching.loop import Watch, watch
from deltaflow.watching.monitor import FlowMonitor

__all__ = ["Check", "FindingError", "FlowMonitor", "Watch", "check", "watch"]
