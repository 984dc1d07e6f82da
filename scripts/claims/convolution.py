"""A small convolutional network beside the fully connected ones: the same rows, order and steps.

>>> network = build(seed=0)
>>> network(torch.zeros(5, 64)).shape
torch.Size([5, 10])
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn.functional import cross_entropy

from claims.runs import BySeed
from deltaflow import assemble, load_run

_SIDE = 8  # pixels of a digit
_CLASSES = 10


def build(seed: int) -> nn.Sequential:
    """Two layers of 3 × 3 filters, 8 and 16 of them, a pooling and a linear output layer.

    It takes ``[rows, 64]`` grey values to ``[rows, 10]`` logits; its first weights are PyTorch's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Unflatten(-1, (1, _SIDE, _SIDE)),
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * (_SIDE // 2) ** 2, _CLASSES),
        )


def n_parameters() -> int:
    """Weights and biases of one such network."""
    return sum(parameter.numel() for parameter in build(0).parameters())


@lru_cache(maxsize=2)  # two measures ask for the same
def accuracies(directory: Path) -> BySeed:
    """Test accuracies of convolutional networks that are trained as a run was.

    Rows, their order in each epoch, batch size, epochs and optimizer are those of the run, which
    trained fully connected networks on digits by plain SGD.
    """
    record = load_run(directory).record
    settings: Mapping[str, Any] = record.hyperparameters
    served, network = assemble(record.overrides)[0], build(0)
    parameters, _ = stack_module_state([build(seed) for seed in served.seeds])
    optimizer = torch.optim.SGD(
        list(parameters.values()),
        lr=settings["optimizer.lr"],
        momentum=settings["optimizer.momentum"],
    )

    def logits(x: Tensor) -> Tensor:
        out: Tensor = torch.vmap(lambda own, rows: functional_call(network, own, (rows,)))(
            parameters, x
        )
        return out

    batches = served.train_dataloader()
    for epoch in range(int(settings["trainer.max_epochs"])):
        batches.sampler.set_epoch(epoch)
        for x, y in batches:
            optimizer.zero_grad()
            losses = cross_entropy(logits(x).flatten(0, 1), y.flatten(), reduction="none")
            losses.view_as(y).mean(1).sum().backward()  # replicas never mix
            optimizer.step()
    with torch.no_grad():
        x, y = next(iter(served.test_dataloader()))
        right = (logits(x).argmax(-1) == y).double().mean(1)
    return dict(zip(served.seeds, right.tolist(), strict=True))
