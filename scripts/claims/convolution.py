"""A small convolutional network beside the fully connected ones: the same rows, order and steps.

>>> network = build(seed=0)
>>> network(torch.zeros(5, 64)).shape
torch.Size([5, 10])
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state
from torch.nn.functional import cross_entropy

from claims.networks import data
from deltaflow.comparison.configuration import Configuration, Value

_SIDE = 8  # pixels of a digit
_CLASSES = 10


def build(seed: int) -> nn.Sequential:
    """Two layers of 3 × 3 filters, 8 and 16 of them, a pooling and a linear output layer.

    Args:
        seed: of the first weights, which are PyTorch's.

    Returns:
        From ``[rows, 64]`` grey values to ``[rows, 10]`` logits.
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


def accuracies(one: Configuration) -> dict[int, float]:
    """Test accuracies of convolutional networks that are trained as a configuration was.

    Rows, their order in each epoch, batch size, epochs and optimizer are those of its runs.

    Args:
        one: fully connected networks that were trained on digits by plain SGD.

    Returns:
        By seed.
    """
    settings: Mapping[str, Value] = one.first.summary.hyperparameters
    served = data(one)
    network = build(0)
    parameters, _ = stack_module_state([build(seed) for seed in served.seeds])
    optimizer = torch.optim.SGD(
        list(parameters.values()),
        lr=float(settings["optimizer.lr"] or 0),
        momentum=float(settings["optimizer.momentum"] or 0),
    )

    def logits(x: Tensor) -> Tensor:
        out: Tensor = torch.vmap(lambda own, rows: functional_call(network, own, (rows,)))(
            parameters, x
        )
        return out

    batches = served.train_dataloader()
    for epoch in range(int(settings["trainer.max_epochs"] or 0)):
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
