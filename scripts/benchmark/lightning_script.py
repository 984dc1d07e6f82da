"""One network by Lightning alone, in a script: what a whole process of ours is compared with.

``python lightning_script.py work.npz`` trains it and keeps the parameters.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

Batch = tuple[Tensor, Tensor]


class Network(pl.LightningModule):
    """A classifier with the parameters of an archive.

    Args:
        work: see :func:`main`.
    """

    def __init__(self, work: Mapping[str, Any]) -> None:
        super().__init__()
        self.step_size, self.momentum = float(work["lr"]), float(work["momentum"])
        self.layers = nn.Sequential()
        while f"w{(i := len(self.layers) // 2)}" in work:
            weight, bias = (torch.from_numpy(work[f"{name}{i}"][0]) for name in "wb")
            layer = nn.Linear(*weight.shape)
            layer.weight, layer.bias = nn.Parameter(weight.T.contiguous()), nn.Parameter(bias)
            self.layers.extend([layer, getattr(nn, str(work["activation"]))()])
        self.layers.pop(-1)  # none follows the last layer

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        x, y = batch
        return functional.cross_entropy(self.layers(x), y)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss and accuracy."""
        x, y = batch
        output = self.layers(x)
        accuracy = (output.argmax(1) == y).float().mean()
        found = {"loss": functional.cross_entropy(output, y), "accuracy": accuracy}
        self.log_dict(found, batch_size=len(y))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain SGD with momentum."""
        return torch.optim.SGD(self.parameters(), self.step_size, self.momentum)


class Batches:
    """Rows in orders that are given, one for each epoch."""

    def __init__(self, x: Tensor, y: Tensor, orders: Iterable[Tensor], size: int) -> None:
        self.x, self.y, self.size = x, y, size
        self.orders = iter(orders)

    def __len__(self) -> int:
        return -(-len(self.x) // self.size)

    def __iter__(self) -> Iterator[Batch]:
        for rows in next(self.orders).split(self.size):
            yield self.x[rows], self.y[rows]


def main(path: str) -> None:
    """Train what a file describes.

    Args:
        path: of an archive with ``x``, ``y``, ``orders`` ``[epochs, R, rows]``, ``batch_size``,
            ``lr``, ``momentum``, ``activation``, the start ``w0, b0, w1, …``, ``[R, fan_in,
            fan_out]`` and ``[R, fan_out]``, and perhaps ``validation_x`` and ``validation_y``; the
            end of the first network goes beside it, to ``<path>.end.npz``.
    """
    with np.load(path) as file:
        work = dict(file)
    x, y, orders = (torch.from_numpy(work[name]) for name in ("x", "y", "orders"))
    network = Network(work).to(x.dtype)
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        precision="64-true" if x.dtype == torch.float64 else "32-true",
        max_epochs=len(orders),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    validation = None
    if "validation_x" in work:
        held_out, labels = (torch.from_numpy(work[f"validation_{name}"]) for name in "xy")
        validation = Batches(held_out, labels, repeat(torch.arange(len(labels))), len(labels))
    trainer.fit(network, Batches(x, y, orders[:, 0], int(work["batch_size"])), validation)
    ended: dict[str, Any] = {}
    for i, layer in enumerate([*network.layers][::2]):
        weight, bias = (own.detach().numpy()[None] for own in layer.parameters())
        ended |= {f"w{i}": weight.swapaxes(1, 2), f"b{i}": bias}
    np.savez(f"{path}.end.npz", **ended)


if __name__ == "__main__":
    main(sys.argv[1])
