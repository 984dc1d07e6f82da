"""Predictions of a run's networks for the rows of a table.

Replicas that differ only by their seed are a deep ensemble (Lakshminarayanan et al. 2017,
arXiv:1612.01474): the mean prediction is usually better than that of a single network, and the
spread measures the uncertainty.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from deltaflow.data import Preprocessing, Table, read_unseen
from deltaflow.nn.head import Head
from deltaflow.nn.network import FullyConnected
from deltaflow.system.errors import UserError

_ROWS = 10_000  # rows per batch of predictions


class Ensemble(nn.Module):
    """A module from features in the units of the table to the predictions of R networks.

    Args:
        network: the trained network with all replicas.
        preprocessings: the preprocessing of each fold.
        head: how outputs become predictions.
        replicas: indices of the replicas to use; the others have diverged.

    Raises:
        ValueError: if ``replicas`` is empty.
    """

    def __init__(
        self,
        network: FullyConnected,
        preprocessings: Sequence[Preprocessing],
        head: Head,
        replicas: Sequence[int],
    ) -> None:
        super().__init__()
        if not replicas:
            raise UserError(
                "A prediction needs a network that has not diverged. Found that all "
                f"{network.n_replicas} have. Train again, with a smaller `optimizer.lr`."
            )
        self.networks = nn.ModuleList(network.replica(r) for r in replicas)
        self.preprocessings = [preprocessings[r % len(preprocessings)] for r in replicas]
        self.preprocessing = preprocessings[0]
        self.head = head
        self.dtype = network.layers[0].weight.dtype
        self.fills_gaps = bool(self.preprocessing.fill)
        known = self.preprocessings if len(preprocessings) > 1 else preprocessings
        for name in ("fill", "center", "scale", "target_center", "target_scale"):
            moments = [list(getattr(one, name)) for one in known]
            self.register_buffer(name, torch.tensor(moments, dtype=torch.float64).unsqueeze(1))
        self.cpu().eval().requires_grad_(False)

    fill: Tensor
    center: Tensor
    scale: Tensor
    target_center: Tensor
    target_scale: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """The predictions of each network.

        Args:
            features: ``[n_rows, n_inputs]``, float64, not standardised; NaN for a gap.

        Returns:
            ``[R, n_rows, n_values]``, float64: for classes their probabilities, or the raw
            outputs if the loss was ``mse``; for numbers the values in the units of the data.
        """
        if self.fills_gaps:
            features = torch.where(features.isnan(), self.fill, features)
        inputs = ((features - self.center) / self.scale).to(self.dtype)
        each = inputs.expand(len(self.networks), -1, -1)
        outputs = torch.stack([network(each[r]) for r, network in enumerate(self.networks)])
        values = self.head.values(outputs.double())
        if self.head.n_classes:
            return values
        return values * self.target_scale + self.target_center

    @property
    def names(self) -> Sequence[str]:
        """Names of the classes, or of the targets of a regression."""
        return self.preprocessing.classes or self.preprocessing.targets

    def values(self, features: np.typing.NDArray[np.float64]) -> Tensor:
        """Call :meth:`forward` in batches of rows, to save memory."""
        parts = torch.from_numpy(features).split(_ROWS)
        return torch.cat([self(part) for part in parts], dim=1)

    def predict(self, table: Table) -> pl.DataFrame:
        """The ensemble's prediction for each row of a table.

        Args:
            table: the path of a file, a polars frame, or a mapping from column names to values.
                It has the columns of the training data in any order.

        Returns:
            For classes: ``class``, the class of the largest mean; ``probability_<class>``, the
            mean over networks, and ``spread``, the standard deviation over networks of the
            predicted class's probability (neither if the loss was ``mse``); ``agreement``, the
            share of networks that predict this class. For numbers: ``<target>``, the mean, and
            ``<target>_spread``, the standard deviation over networks, in the target's units. The
            spread of a single network is null.

        Raises:
            ValueError: if a column is missing, or a value is not of the kind seen in training.
        """
        return self.summary(self.values(read_unseen(table, self.preprocessing).features))

    def summary(self, values: Tensor) -> pl.DataFrame:
        """The ensemble's prediction, with the columns of :meth:`predict`.

        Args:
            values: the result of :meth:`forward`, ``[R, n_rows, n_values]``.
        """
        mean, (n_networks, n_rows, _) = values.mean(0), values.shape
        spread = values.std(0) if n_networks > 1 else None
        columns: dict[str, pl.Series] = {}
        if not self.head.n_classes:
            for k, name in enumerate(self.names):
                columns[name] = _series(mean[:, k], n_rows)
                columns[f"{name}_spread"] = _series(
                    spread if spread is None else spread[:, k], n_rows
                )
            return pl.DataFrame(columns)
        chosen = self.head.choose(mean)
        names = self.names
        columns["class"] = pl.Series([names[k] for k in chosen.tolist()], dtype=pl.String)
        if self.head.link is not None:
            for k, name in enumerate(names):
                columns[f"probability_{name}"] = _series(mean[:, k], n_rows)
            of_class = None if spread is None else spread[torch.arange(n_rows), chosen]
            columns["spread"] = _series(of_class, n_rows)
        agreement = (self.head.choose(values) == chosen).double().mean(0)
        return pl.DataFrame(columns | {"agreement": _series(agreement, n_rows)})


def _series(values: Tensor | None, n_rows: int) -> pl.Series:
    return pl.Series([None] * n_rows if values is None else values.numpy(), dtype=pl.Float64)
