"""The records of a watched training: which steps are measured, and what is made of them."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from deltaflow.comparison.results import results
from deltaflow.experiment.provenance import first_summary
from deltaflow.flow.rows import MeasuredStep, layer_rows
from deltaflow.records import LAYERS, METRICS, Recording, Summary, read_table
from deltaflow.system.errors import UserError
from deltaflow.verdicts import Verdict, recorded
from deltaflow.watching.judgement.findings import judge
from deltaflow.watching.judgement.words import words
from deltaflow.watching.measuring.cadence import Cadence
from deltaflow.watching.measuring.functions import Kinds
from deltaflow.watching.measuring.layers import WatchedLayer, watched_layers
from deltaflow.watching.measuring.losses import Losses
from deltaflow.watching.measuring.model_theory import Forecast
from deltaflow.watching.measuring.observations import Observations
from deltaflow.watching.measuring.tape import StepTape

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from deltaflow.experiment.result import Run

_FLUSH_SECONDS = 30.0


class WatchedTraining:
    """Measures single steps of somebody's training, and keeps the records of all.

    Args:
        model: that is trained.
        directory: where the records go; made if it is not there.
        cadence: which steps are measured.
        seed: by which a report tells repetitions from each other.
        settings: what a report shall compare, by name.
        loss_scale: what the loss is multiplied with before it is differentiated.
        loggers: Lightning's; those for TensorBoard get the charts.
        follows_all: as of `StepTape`.

    Raises:
        ValueError: for a model without a layer to watch, or a compiled one.
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
        follows_all: bool = False,
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
        self.loss_scale, self.loggers, self.follows_all = loss_scale, loggers, follows_all
        self.step = 0
        self.verdicts: list[Verdict] = []
        own = dict(settings or {}) | {"seed": seed}
        self._records = Recording(
            Path(directory),
            first_summary({}, [f"{k}={v}" for k, v in own.items()], sys.argv, own, None),
        )
        self._tables = [self._records.table(schema, _FLUSH_SECONDS) for schema in (LAYERS, METRICS)]
        self._tape: StepTape | None = None
        self._forecast: Forecast | None = None
        self._kinds: Kinds = {}
        self._steps: list[MeasuredStep] = []
        self._known: list[WatchedLayer] = []  # those of the first measured step, in its order
        self._losses = Losses()
        self._epoch = self._epoch_began = 0
        self.observations = Observations()

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self._records.directory

    @property
    def record(self) -> Summary:
        """What is known of the run."""
        return self._records.summary

    def begin_step(self) -> None:
        """Begin to listen, if the step is due."""
        if self._tape is None and self.cadence.is_due(self.step):
            if self.step == 0:
                self._forecast = Forecast(self.model, self.layers)
            last = self._known[-1] if self._known else None
            self._tape = StepTape(
                self.layers, self.model, self.loss_scale, self.follows_all, self._kinds, last
            )
            self._tape.__enter__()

    def forward_is_over(self) -> None:
        """What is computed from here on is no part of the model."""
        if self._tape is not None:
            self._tape.stop_following()

    def end_step(self, loss: Tensor | float | None) -> None:
        """Measure the update that was taken.

        Args:
            loss: of the step, one number.
        """
        if loss is not None:
            self._losses.note(loss)
        if (tape := self._tape) is not None:
            self._tape = None
            tape.__exit__()
            with torch.no_grad():
                tape.end()
            if tape.steps:
                self._keep(tape)
        self.step += 1

    def end_epoch(self, validation: Mapping[str, float] | None = None) -> None:
        """Note the mean training loss since the last time, and metrics of the validation part.

        Args:
            validation: by name, of those that the metrics table has.
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

    def conclude(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Write the rows that are left, and judge.

        Returns:
            The layers and the metrics table.
        """
        self._stop_listening()
        if self._epoch_began < len(self._losses.numbers()) or not self._epoch:
            self.end_epoch()
        self._write()
        self._records.close_tables()
        layers, metrics = (read_table(self.directory, t, is_own=True) for t in (LAYERS, METRICS))
        evidence = self.observations.evidence(layers, self._known, np.array(self._losses.numbers()))
        self.verdicts = judge(evidence)
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
                "theory": None if self._forecast is None else self._forecast.record(layers),
                "verdicts": [recorded(v, words(v, evidence.names)) for v in self.verdicts],
            }
        )
        return layers, metrics

    def complete(self) -> "Run":
        """Write everything, judge, and draw."""
        from deltaflow.experiment.result import Run  # which loads Lightning
        from deltaflow.figures import looks
        from deltaflow.training.callbacks.tensorboard import log_picture, log_verdicts

        layers, metrics = self.conclude()
        run = Run(self.directory, self.record, layers, metrics, None)
        if len(layers):
            picture = self.directory / "flow.png"
            looks.save(run.draw(), picture)
            log_picture(self.loggers, "flow", picture, self.step)
        log_verdicts(self.loggers, self.record.verdicts, self.step)
        self._records.complete()
        return Run(self.directory, self.record, layers, metrics, None)

    def abort(self, error: BaseException) -> None:
        """Keep what was measured, and say that the training was stopped."""
        self._stop_listening()
        self._write()
        if isinstance(error, KeyboardInterrupt):
            self._records.abort("interrupted", None)
        else:
            self._records.abort("failed", f"{type(error).__name__}: {error}")

    def _keep(self, tape: StepTape) -> None:
        """The measured step, as a row for each layer of the first one that was measured."""
        if not self._known:
            self._known = list(tape.steps)
            self.observations.note_start(tape)
        self.observations.note(tape, self._known, self.step)
        values = [tape.numbers.get(layer, {}) for layer in self._known]
        if self._forecast is not None and self.step == 0:
            predicted = self._forecast.predict(self._known, values)
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

    def _stop_listening(self) -> None:
        if self._forecast is not None:
            self._forecast.end()
        if self._tape is not None:
            self._tape.__exit__()
            self._tape = None

    def _write(self) -> None:
        if self._steps:
            fans = [(layer.fan_in, layer.fan_out) for layer in self._known]
            self._tables[0].append(layer_rows(self._steps, fans, [self.seed]))
            self._steps = []
