"""The result of a run: its records, its networks and its picture."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure
from torch import nn

from deltaflow.comparison.collection import named_run
from deltaflow.comparison.flow_numbers import without_diverged
from deltaflow.data import Table
from deltaflow.experiment.checkpoints.networks import TrainedNetworks, read_checkpoint
from deltaflow.experiment.prediction.ensemble import Ensemble
from deltaflow.experiment.results.notebook import run_html
from deltaflow.figures.run.class_panels import ClassPredictions
from deltaflow.figures.run.number_panels import NumberPredictions
from deltaflow.figures.run.picture import RunPicture
from deltaflow.nn.network import FullyConnected
from deltaflow.records import LAYERS, METRICS, Summary, VerdictRecord, read_table
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal


@dataclass(frozen=True)
class Run:
    """The result of a run.

    Attributes:
        directory: the run directory.
        record: the run's summary.
        layers: the layers table, a row per seed, step and layer.
        metrics: the metrics table, a row per seed, epoch and split.
        kept: the trained networks with what a prediction needs; ``None`` without a checkpoint.
        predictions: those for rows with known targets; ``None`` if there are none.
    """

    directory: Path
    record: Summary
    layers: pl.DataFrame
    metrics: pl.DataFrame
    kept: TrainedNetworks | None
    predictions: ClassPredictions | NumberPredictions | None = None

    @property
    def network(self) -> FullyConnected | None:
        """The trained network, R replicas, in evaluation mode.

        It is ``None`` if there is no checkpoint, or if the activation is a class of the user that
        was not passed to :func:`load_run`.
        """
        return None if self.kept is None else self.kept.network

    @cached_property
    def ensemble(self) -> Ensemble:
        """A PyTorch module from features to the predictions of the networks.

        Raises:
            ValueError: if the run lacks what a prediction needs.
        """
        where, kept = literal(str(self.directory)), self.kept
        if kept is None:
            raise UserError(
                f"A prediction needs a trained network. Found no checkpoint in {where}. Name a run "
                "that has ended."
            )
        if kept.network is None:
            raise UserError(
                "A network is built from its file only if PyTorch or deltaflow ships its "
                f"activation. Found `{brief(kept.activation)}` in {where}. Import it in Python and "
                "hand it over: `load_run(directory, activation=…).predict(table)`."
            )
        if not kept.preprocessings:
            raise UserError(
                "A prediction needs what was done to the data in training. Found none in the "
                f"checkpoint in {where}, which an older version wrote. Train again."
            )
        if kept.head is None:
            raise UserError(
                "A prediction needs a loss that leaves `predict` to `Objective`. Found that the "
                f"run in {where} had one with its own. Use `run.network` with it."
            )
        usable = [r for r, has_diverged in enumerate(kept.diverged) if not has_diverged]
        return Ensemble(kept.network, kept.preprocessings, kept.head, usable)

    def predict(self, table: Table) -> pl.DataFrame:
        """The ensemble's prediction for each row; see :meth:`Ensemble.predict`."""
        return self.ensemble.predict(table)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The summary as a dictionary, as in ``summary.json``."""
        return asdict(self.record)

    @property
    def verdicts(self) -> Sequence[VerdictRecord]:
        """The run's verdicts, the most important first."""
        return self.record.verdicts

    def _repr_html_(self) -> str:
        """HTML for notebooks."""
        return run_html(self.title, self.record, self.draw() if len(self.layers) else None)

    def draw(self) -> Figure:
        """Draw the picture of the flow, as in ``flow.png``.

        Returns:
            A matplotlib figure.

        Raises:
            ValueError: if no flow was recorded.
        """
        if not len(self.layers):
            raise UserError(
                f"A picture of the flow needs its records. Found none in {self.directory}. "
                "Run with `diagnostics=default`."
            )
        return self.picture.draw()

    @property
    def picture(self) -> RunPicture:
        """What the picture of the run shows; its ``layers`` may be empty."""
        record, verdicts = self.record, self.record.verdicts
        return RunPicture(
            without_diverged(self.layers, record),
            self.title,
            verdicts[0].words if verdicts else "",
            without_diverged(self.metrics, record),
            self.predictions,
        )

    @property
    def title(self) -> str:
        """A line with the options, depth and seeds of the run."""
        choices, replicas = self.record.choices, self.record.replicas
        named = [choices.get(group) for group in ("activation", "init", "data", "loss")]
        depth = self.layers["layer"].max()
        shape = [f"depth {depth - 1}"] if isinstance(depth, int) else []
        n_diverged = sum(replica.has_diverged for replica in replicas)
        note = f", {n_diverged} diverged" if n_diverged else ""
        known = self.layers["seed"].unique().sort().to_list()  # a killed run lists no replicas
        seeds = (
            f"{len(known)} seeds" if len(known) > 1 else f"seed {known[0]}" if known else "no seed"
        )
        folds = f" × {self.record.n_folds} folds" if self.record.n_folds > 1 else ""
        return " · ".join([*filter(None, named), *shape, seeds + folds + note])


def load_run(directory: str | Path, activation: nn.Module | None = None) -> Run:
    """Read a run from its directory, even if it is still training or was stopped.

    The directory need not be trusted: nothing is unpickled, only classes of PyTorch and deltaflow
    are built, no link is followed, and no file is read that does not fit into memory.

    Args:
        directory: a run directory.
        activation: the activation, if it is a class of yours.

    Returns:
        The run.

    Raises:
        ValueError: if it is not a run directory, or its records cannot be read.
    """
    folder = Path(directory)
    record = named_run(folder)
    return Run(
        directory=folder,
        record=record,
        layers=read_table(folder, LAYERS),
        metrics=read_table(folder, METRICS),
        kept=read_checkpoint(folder, activation),
        predictions=_classified(record),
    )


def _classified(record: Summary) -> ClassPredictions | None:
    """The confusion matrix of a summary; ``None`` if there is none or it is not square."""
    kept = record.confusion
    k = 0 if kept is None else len(kept.classes)
    if kept is None or [len(row) for row in kept.counts] != [k] * k or not k:
        return None
    return ClassPredictions(kept.part, kept.classes, np.array(kept.counts))
