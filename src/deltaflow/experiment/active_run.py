"""One run from its first record to its last, trained alone or in a stack."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import torch
from lightning.pytorch.loggers import Logger

from deltaflow.comparison.flow_numbers import FLOW_NUMBERS
from deltaflow.config import limits
from deltaflow.config.hyperparameters import varied
from deltaflow.experiment import assembly, builders
from deltaflow.experiment.checkpoint import kept_by
from deltaflow.experiment.checkpoints.archive import Progress
from deltaflow.experiment.checkpoints.resumption import keep_rows, take_directory
from deltaflow.experiment.evaluation import judge
from deltaflow.experiment.failure import broken_off
from deltaflow.experiment.plan import RunPlan, keep_settings
from deltaflow.experiment.result import Run
from deltaflow.experiment.summary import summarize
from deltaflow.experiment.trainer import device_name
from deltaflow.figures import run_picture
from deltaflow.records import LAYERS, METRICS, Recording, TableWriter, read_table
from deltaflow.system.files import replace_file
from deltaflow.system.second_process import result_or_none
from deltaflow.system.signals import interrupts_deferred
from deltaflow.theory import Theory
from deltaflow.training.callbacks.destination import Destination
from deltaflow.training.callbacks.hparams import log_hyperparameters, log_outcome, result_tags
from deltaflow.training.callbacks.metrics import SHOWN_SEEDS
from deltaflow.training.callbacks.tensorboard import lay_out_charts, log_picture, log_verdicts
from deltaflow.training.datamodule import ReplicaDataModule
from deltaflow.training.loggers import close
from deltaflow.training.module import StackedModule
from deltaflow.verdicts import copied_layers


@dataclass
class RunUnderWay:
    """A run that has taken its directory.

    Attributes:
        plan: what is to be trained.
        records: of the run.
        outcome: the run once it has ended, or what it failed by.
        progress: how far it had come, if it goes on.
    """

    plan: RunPlan
    records: Recording
    outcome: Run | BaseException | None = None
    data: ReplicaDataModule = field(init=False)
    module: StackedModule = field(init=False)
    theory: Theory = field(init=False)
    loggers: list[Logger] = field(init=False)
    tables: list[TableWriter] = field(init=False)
    copies: Mapping[int, int] = field(init=False)
    progress: Progress | None = field(init=False, default=None)

    @classmethod
    def begin(cls, plan: RunPlan) -> "RunUnderWay":
        """Take the directory of a run; see :func:`take_directory`."""
        return cls(plan, take_directory(plan))

    @property
    def is_going(self) -> bool:
        """Whether it has not ended yet."""
        return self.outcome is None

    @contextmanager
    def step(self) -> Iterator[None]:
        """What is done for this run alone: an error in it ends this run and no other.

        Raises:
            KeyboardInterrupt: if interrupted.
        """
        try:
            yield
        except BaseException as caught:
            with interrupts_deferred():
                ending = broken_off(self.plan.config, caught, self.records)
                self.records.abort(ending.status, ending.message)
            with suppress(Exception):  # which may be what failed
                close(getattr(self, "loggers", ()), succeeded=False)
            if ending.status == "interrupted":
                raise ending.error from caught
            ending.error.__cause__ = caught
            self.outcome = ending.error

    def load_data(self, shared: ReplicaDataModule | None = None) -> None:
        """Load what it trains on.

        Args:
            shared: data of another run that has the same.

        Raises:
            ValueError: for settings that no run can have.
        """
        config = self.plan.config
        keep_settings(self.plan)
        limits.check(config)
        builders.check_size(config)
        seeds = builders.own_seeds(config)
        noise = config.data.label_noise
        self.data = (
            shared.serving(seeds, noise)
            if shared
            else assembly.datamodule(config, self.plan.samples)
        )
        reading = self.data.reading
        table = None if reading is None else reading.record()
        self.records.note({"folds": self.data.n_folds, "table": table})

    def assemble(self) -> None:
        """Make what it trains.

        Raises:
            ValueError: for settings that no run can have.
        """
        config, flush_seconds = self.plan.config, self.plan.config.diagnostics.flush_seconds
        self.tables = [self.records.table(schema, flush_seconds) for schema in (LAYERS, METRICS)]
        self.module = assembly.module(config, self.data)
        self.loggers = assembly.loggers(config)
        self.theory = builders.theory(config, self.data, self.module.objective)
        self.copies = copied_layers(self.module.network)
        if config.resume is not None:
            self.progress = keep_rows(self.plan.directory, self.tables, self.loggers)

    def flush(self) -> None:
        """Write all that was recorded."""
        self.records.flush()
        for logger in self.loggers:
            logger.save()

    def restart(self) -> None:
        """Begin again: from the last checkpoint, if it went on, else with nothing recorded.

        Raises:
            DirectoryLostError: if the directory is not there any more.
            OSError: if something cannot be removed.
        """
        for logger in self.loggers:
            logger.finalize("failed")
        close(getattr(self, "loggers", ()), succeeded=False)
        self.records.restart(keeping=self.progress is not None)
        self.load_data(shared=self.data)
        self.assemble()

    def begin_training(self, device: torch.device, stack: Sequence[str]) -> None:
        """Note, and tell the loggers before any number comes, what was set and what will come.

        Args:
            device: it trains on.
            stack: names of the runs that it trains with.
        """
        module = self.module
        self.records.n_sharing = max(len(stack), 1)
        self.records.note(
            {
                "device": device_name(device),
                "n_parameters": module.network.n_parameters,
                "class_weights": module.objective.weights_by_class,
                "stack": list(stack),
            }
        )
        summary = self.records.summary
        metrics = [*module.objective.metric_names, "loss"]
        by_seed = 1 < module.network.n_replicas <= SHOWN_SEEDS
        lay_out_charts(self.loggers, module.network.traits, metrics, by_seed)
        of_any_task = list(dict.fromkeys([*metrics, *METRICS.quantities]))
        log_hyperparameters(
            self.loggers,
            summary.hyperparameters,
            varied(summary.overrides, summary.command),
            result_tags(of_any_task, FLOW_NUMBERS, "test" if self.data.has_test else "final"),
        )

    def destination(self, start: int = 0, in_stack: bool = False) -> Destination:
        """Where its records go.

        Args:
            start: its first replica in the stack.
            in_stack: whether other runs are in it, so that no Trainer knows its loggers.
        """
        network, (layers, metrics) = self.module.network, self.tables
        return Destination(
            seeds=builders.seeds(self.plan.config),
            folds=builders.folds(self.plan.config),
            layers=layers,
            metrics=metrics,
            traits=network.traits if in_stack else None,
            theory=self.theory,
            loggers=self.loggers if in_stack else [],
            start=start,
        )

    def conclude(self, n_steps: int) -> None:
        """Say what came out, and end.

        Args:
            n_steps: updates made.
        """
        self.end(self.sum_up(n_steps))

    def sum_up(self, n_steps: int) -> Run:
        """Say what came out.

        Args:
            n_steps: updates made.
        """
        records, directory = self.records, self.plan.directory
        records.note({"n_steps": n_steps})
        records.close_tables()
        layers, metrics = (read_table(directory, t, is_own=True) for t in (LAYERS, METRICS))
        # What is left of damaged tables would pass for what is gone.
        known, heard = (layers.clear(), metrics.clear()) if records.n_lost else (layers, metrics)
        found = summarize(
            self.plan.config, self.data, self.module, self.theory, self.copies, known, heard,
            n_steps,
        )  # fmt: skip
        records.note(found)
        kept = kept_by(self.module, self.data.preprocessings)
        going = [i for i, r in enumerate(records.summary.replicas) if not r.has_diverged]
        judged, fields = judge(self.data, self.module.network.eval(), self.module.objective, going)
        records.note(fields)
        return Run(directory, records.summary, layers, metrics, kept, judged)

    def end(self, done: Run, drawn: Future[bytes] | None = None) -> None:
        """Show what came out, and end.

        Args:
            done: what came out.
            drawn: its picture, if another process draws it.
        """
        n_steps = done.record.n_steps or 0
        if len(done.layers) and self.plan.is_drawn:
            picture = done.directory / "flow.png"
            replace_file(picture, result_or_none(drawn) or run_picture.png(*done.drawn))
            log_picture(self.loggers, "flow", picture, n_steps)
        log_verdicts(self.loggers, done.record.verdicts, n_steps)
        log_outcome(self.loggers, done.record, n_steps)
        for logger in self.loggers:
            logger.finalize("success")
        close(self.loggers, succeeded=True)
        self.records.complete()
        self.outcome = replace(done, record=self.records.summary)
