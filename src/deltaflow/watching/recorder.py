"""Measures the chosen steps of a watched training, and writes its records."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from deltaflow.comparison.results import results
from deltaflow.experiment.planning.provenance import first_summary
from deltaflow.flow.rows import MeasuredStep, layer_rows
from deltaflow.records import LAYERS, METRICS, Recording, Summary, read_table
from deltaflow.system.errors import UserError
from deltaflow.verdicts import Verdict, recorded
from deltaflow.watching.measuring.cadence import Cadence
from deltaflow.watching.measuring.losses import StepLosses
from deltaflow.watching.measuring.model_theory import ModelTheory
from deltaflow.watching.measuring.observations import Observations
from deltaflow.watching.measuring.scalar_functions import ScalarFunctions
from deltaflow.watching.measuring.tape import StepTape
from deltaflow.watching.measuring.watched_layers import WatchedLayer, watched_layers
from deltaflow.watching.verdicts.findings import watched_verdicts
from deltaflow.watching.verdicts.words import words

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from deltaflow.experiment.results.result import Run

_FLUSH_SECONDS = 30.0


class WatchedTraining:
    """A training whose steps are measured and recorded.

    Args:
        model: the model that is trained.
        directory: directory of the records; it is made if it does not exist.
        cadence: chooses the steps that are measured; ``None`` for logarithmic distances.
        seed: the seed, which distinguishes repetitions in a report.
        settings: settings by name that a report compares.
        loss_scale: returns the factor that the loss is multiplied by before the backward pass.
        loggers: Lightning's loggers; those for TensorBoard get the charts.
        tracks_all: whether functions are tracked outside the model's ``forward``, as in `StepTape`.

    Raises:
        ValueError: if the model is compiled or has no layer that can be measured.
        DirectoryTakenError: if the directory holds the records of another run.
    """

    def __init__(
        self,
        model: nn.Module,
        directory: str | Path,
        cadence: Cadence | None = None,
        seed: int = 0,
        settings: Mapping[str, str | float | None] | None = None,
        loss_scale: Callable[[], float] = lambda: 1.0,
        loggers: "Sequence[Logger]" = (),
        tracks_all: bool = False,
    ) -> None:
        self.model = model
        self.layers = watched_layers(model)
        for name, value in (settings or {}).items():
            if not (value is None or isinstance(value, str | int | float)):
                raise UserError(
                    f"A setting must be a number, a text or None. Found {type(value).__name__} for "
                    f"`{name}`. Leave it out, or write it as text."
                )
        self.cadence, self.seed = cadence or Cadence(), seed
        self.loss_scale, self.loggers, self.tracks_all = loss_scale, loggers, tracks_all
        self.step = 0
        self.verdicts: list[Verdict] = []
        own = dict(settings or {}) | {"seed": seed}
        self._records = Recording(
            Path(directory),
            first_summary({}, [f"{k}={v}" for k, v in own.items()], sys.argv, own, None),
        )
        self._tables = [self._records.table(schema, _FLUSH_SECONDS) for schema in (LAYERS, METRICS)]
        self._tape: StepTape | None = None
        self._theory: ModelTheory | None = None
        self._functions: ScalarFunctions = {}
        self._steps: list[MeasuredStep] = []
        self._known: list[WatchedLayer] = []  # layers of the first measured step, in their order
        self._losses = StepLosses()
        self._epoch = self._epoch_began = 0
        self.observations = Observations()

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self._records.directory

    @property
    def record(self) -> Summary:
        """The summary of the run."""
        return self._records.summary

    def begin_step(self) -> None:
        """Attach hooks to the model if the step is to be measured."""
        if self._tape is None and self.cadence.is_due(self.step):
            if self.step == 0:
                self._theory = ModelTheory(self.model, self.layers)
            last = self._known[-1] if self._known else None
            self._tape = StepTape(
                self.layers, self.model, self.loss_scale, self.tracks_all, self._functions, last
            )
            self._tape.__enter__()

    def end_forward(self) -> None:
        """Stop tracking: what is computed from here on is not part of the model."""
        if self._tape is not None:
            self._tape.stop_tracking()

    def end_step(self, loss: Tensor | float | None) -> None:
        """Measure the update.

        Args:
            loss: the loss of the step, one number; ``None`` if it is not known.
        """
        if loss is not None:
            self._losses.append(loss)
        if (tape := self._tape) is not None:
            self._tape = None
            tape.__exit__()
            with torch.no_grad():
                tape.end()
            if tape.steps:
                self._keep(tape)
        self.step += 1

    def end_epoch(self, validation: Mapping[str, float] | None = None) -> None:
        """Record the mean training loss since the last epoch, and validation metrics.

        Args:
            validation: metrics by name; those that the metrics table lacks are ignored.
        """
        losses = self._losses.numbers()[self._epoch_began :]
        rows = [("train", {"loss": float(np.mean(losses))})] if losses else []
        rows += [("validation", dict(validation))] if validation else []
        for split, values in rows:
            data = {"seed": [self.seed], "epoch": [self._epoch], "split": [split]}
            known = {k: [float(v)] for k, v in values.items() if k in METRICS.quantities}
            self._tables[1].append(METRICS.frame(data | known))
        self._epoch += 1
        self._epoch_began = len(self._losses.numbers())

    def finish(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Write the remaining rows and the summary with its verdicts.

        Returns:
            The layers table and the metrics table.
        """
        self._remove_hooks()
        if self._epoch_began < len(self._losses.numbers()) or not self._epoch:
            self.end_epoch()
        self._write()
        self._records.close_tables()
        layers, metrics = (read_table(self.directory, t, is_own=True) for t in (LAYERS, METRICS))
        evidence = self.observations.evidence(layers, self._known, np.array(self._losses.numbers()))
        self.verdicts = watched_verdicts(evidence)
        lazy = nn.parameter.UninitializedParameter
        parameters = [p for p in self.model.parameters() if not isinstance(p, lazy)]
        found = results([self.seed], [evidence.diverged_at], layers, metrics, {})
        self._records.note(
            found
            | {
                "n_steps": self.step,
                "layers": [layer.name for layer in self._known],
                "n_parameters": sum(p.numel() for p in parameters),
                "device": parameters[0].device.type if parameters else None,
                "theory": None if self._theory is None else self._theory.record(layers),
                "verdicts": [recorded(v, words(v, evidence.names)) for v in self.verdicts],
            }
        )
        return layers, metrics

    def complete(self) -> "Run":
        """Finish the records, draw the picture, and return the run."""
        from deltaflow.experiment.results.result import Run  # here, because it imports Lightning
        from deltaflow.figures import looks
        from deltaflow.training.callbacks.tensorboard import log_picture, log_verdicts

        layers, metrics = self.finish()
        run = Run(self.directory, self.record, layers, metrics, None)
        if len(layers):
            picture = self.directory / "flow.png"
            looks.save(run.draw(), picture)
            log_picture(self.loggers, "flow", picture, self.step)
        log_verdicts(self.loggers, self.record.verdicts, self.step)
        self._records.complete()
        return Run(self.directory, self.record, layers, metrics, None)

    def abort(self, error: BaseException) -> None:
        """Write the rows so far, and record that the training failed or was interrupted."""
        self._remove_hooks()
        self._write()
        if isinstance(error, KeyboardInterrupt):
            self._records.abort("interrupted", None)
        else:
            self._records.abort("failed", f"{type(error).__name__}: {error}")

    def _keep(self, tape: StepTape) -> None:
        """Keep a measured step, with a row for each layer of the first measured step."""
        if not self._known:
            self._known = list(tape.steps)
            self.observations.add_first_step(tape)
        self.observations.add_step(tape, self._known, self.step)
        values = [tape.numbers.get(layer, {}) for layer in self._known]
        if self._theory is not None and self.step == 0:
            predicted = self._theory.predict(self._known, values)
            values = [one | more for one, more in zip(values, predicted, strict=True)]
        names = [name for name in LAYERS.quantities if any(name in one for one in values)]
        if not names:
            return
        measured = MeasuredStep.of_one(
            [[one.get(name) for one in values] for name in names], names, self.step
        )
        self._steps.append(measured)
        if self.loggers:
            from deltaflow.training.callbacks.tensorboard import log_layer_charts

            log_layer_charts(self.loggers, measured)
        if self._tables[0].is_due:
            self._write()

    def _remove_hooks(self) -> None:
        if self._theory is not None:
            self._theory.end()
        if self._tape is not None:
            self._tape.__exit__()
            self._tape = None

    def _write(self) -> None:
        if self._steps:
            fans = [(layer.fan_in, layer.fan_out) for layer in self._known]
            self._tables[0].append(layer_rows(self._steps, fans, [self.seed]))
            self._steps = []
