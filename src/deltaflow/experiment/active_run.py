"""A run from taking its directory to its last record, trained alone or in a stack."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import torch
from lightning.pytorch.loggers import Logger

from deltaflow.comparison.flow_numbers import FLOW_NUMBERS
from deltaflow.config import limits
from deltaflow.config.hyperparameters import varied
from deltaflow.experiment.building import assembly, builders
from deltaflow.experiment.building.trainer import device_name
from deltaflow.experiment.checkpoints.archive import CheckpointProgress
from deltaflow.experiment.checkpoints.networks import trained_networks
from deltaflow.experiment.checkpoints.resumption import keep_rows, take_directory
from deltaflow.experiment.failure import ending_of
from deltaflow.experiment.planning.plan import RunPlan, write_settings
from deltaflow.experiment.results.evaluation import evaluate_network, summary_field
from deltaflow.experiment.results.result import Run
from deltaflow.experiment.results.summary import summarize
from deltaflow.records import LAYERS, METRICS, Recording, TableWriter, read_table
from deltaflow.system.child_processes.second_process import result_or_none
from deltaflow.system.files import replace_file
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
class ActiveRun:
    """A run that has taken its directory and is trained in this process.

    :meth:`load_data` sets ``data``; :meth:`assemble` sets what follows it below.

    Attributes:
        plan: the plan of the run.
        records: the records of the run.
        outcome: the result, or the error of a failed run; ``None`` until the run has ended.
        theory: the mean-field theory of the network at initialisation.
        tables: the writers of the layers table and of the metrics table.
        copies: hidden layers with units that started as copies; see :func:`copied_layers`.
        progress: the progress of the checkpoint that the run resumes from, if any.
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
    progress: CheckpointProgress | None = field(init=False, default=None)

    @classmethod
    def begin(cls, plan: RunPlan) -> "ActiveRun":
        """Take the directory of a run; see :func:`take_directory`."""
        return cls(plan, take_directory(plan))

    @property
    def is_active(self) -> bool:
        """Whether the run has not ended yet."""
        return self.outcome is None

    @contextmanager
    def errors_contained(self) -> Iterator[None]:
        """Let an error in the block end this run, but no other run.

        Raises:
            KeyboardInterrupt: if interrupted.
        """
        try:
            yield
        except BaseException as caught:
            with interrupts_deferred():
                ending = ending_of(self.plan.config, caught, self.records)
                self.records.abort(ending.status, ending.message)
            with suppress(Exception):  # the loggers may be what failed
                close(getattr(self, "loggers", ()), succeeded=False)
            if ending.status == "interrupted":
                raise ending.error from caught
            ending.error.__cause__ = caught
            self.outcome = ending.error

    def load_data(self, shared: ReplicaDataModule | None) -> None:
        """Check the settings and load the data.

        Args:
            shared: the data of another run with the same source.

        Raises:
            ValueError: if a setting is not valid.
        """
        config = self.plan.config
        write_settings(self.plan)
        limits.check(config)
        builders.check_size(config)
        seeds = builders.own_seeds(config)
        noise = config.data.label_noise
        self.data = (
            shared.for_replicas(seeds, noise)
            if shared
            else assembly.datamodule(config, self.plan.samples)
        )
        reading = self.data.reading
        table = None if reading is None else reading.record()
        self.records.note({"folds": self.data.n_folds, "table": table})

    def assemble(self) -> None:
        """Build the network and everything else that training needs.

        Raises:
            ValueError: if a setting is not valid.
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
        """Write all pending records."""
        self.records.flush()
        for logger in self.loggers:
            logger.save()

    def restart(self) -> None:
        """Start again, from the checkpoint if the run was resumed, else without any records.

        Raises:
            DirectoryLostError: if the directory was deleted or moved.
            OSError: if a file cannot be removed.
        """
        for logger in self.loggers:
            logger.finalize("failed")
        close(getattr(self, "loggers", ()), succeeded=False)
        self.records.restart(keeping=self.progress is not None)
        self.load_data(shared=self.data)
        self.assemble()

    def begin_training(self, device: torch.device, stack: Sequence[str]) -> None:
        """Record the device and the stack, and log the hyperparameters before any metric.

        Args:
            device: the device that trains the run.
            stack: names of all runs in the stack; empty if the run is trained alone.
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
        """The tables and loggers to which the callbacks write this run's measurements.

        Args:
            start: index of the run's first replica in the stack.
            in_stack: whether the run is trained with others, so that no Trainer has its loggers.
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

    def compute_result(self, n_steps: int) -> Run:
        """Evaluate the trained network, and add the result to the summary."""
        records, directory = self.records, self.plan.directory
        records.note({"n_steps": n_steps})
        records.close_tables()
        layers, metrics = (read_table(directory, t, is_own=True) for t in (LAYERS, METRICS))
        # The rest of a damaged table would be taken for the whole.
        intact = (layers.clear(), metrics.clear()) if records.n_lost else (layers, metrics)
        found = summarize(
            self.plan.config, self.data, self.module, self.theory, self.copies, *intact, n_steps,
        )  # fmt: skip
        records.note(found)
        kept = trained_networks(self.module, self.data.preprocessings)
        finite = [i for i, r in enumerate(records.summary.replicas) if not r.has_diverged]
        network, objective = self.module.network.eval(), self.module.objective
        predictions = evaluate_network(self.data, network, objective, finite)
        records.note(summary_field(predictions))
        return Run(directory, records.summary, layers, metrics, kept, predictions)

    def end(self, result: Run, drawn: Future[bytes] | None = None) -> None:
        """Write the picture, log the result, and complete the records.

        Args:
            result: the result of the run.
            drawn: the picture as a PNG, if another process draws it.
        """
        n_steps = result.record.n_steps or 0
        if len(result.layers) and self.plan.draws_picture:
            picture = result.directory / "flow.png"
            png = result_or_none(drawn) or result.picture.png()
            replace_file(picture, png)
            log_picture(self.loggers, "flow", picture, n_steps)
        log_verdicts(self.loggers, result.record.verdicts, n_steps)
        log_outcome(self.loggers, result.record, n_steps)
        for logger in self.loggers:
            logger.finalize("success")
        close(self.loggers, succeeded=True)
        self.records.complete()
        self.outcome = replace(result, record=self.records.summary)
