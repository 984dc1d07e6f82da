"""From a configuration to a result: train, record, and say how it ended.

``summary.json`` is there from the start of a run, so that whatever happens to it leaves a
trace: it says ``running`` until the end says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from deltaflow.comparison.flow_numbers import FLOW_NUMBERS
from deltaflow.config import limits
from deltaflow.config.hyperparameters import Hyperparameters, hyperparameters, varied
from deltaflow.config.options import option_names
from deltaflow.experiment import assembly, builders
from deltaflow.experiment.ending import broken_off
from deltaflow.experiment.identity import identity
from deltaflow.experiment.provenance import first_summary
from deltaflow.experiment.result import Run
from deltaflow.experiment.summary import summarize
from deltaflow.experiment.trainer import computed_by, make_trainer, quiet_lightning, threads
from deltaflow.figures import run_picture
from deltaflow.records import LAYERS, METRICS, Summary, TableWriter, read_table
from deltaflow.records.recording import Recording
from deltaflow.system.errors import UserError
from deltaflow.system.files import make_folder, replace_file
from deltaflow.system.signals import held_back, raised_once
from deltaflow.terminal.inputs import print_reading
from deltaflow.theory.network import Theory
from deltaflow.training.callbacks import FlowRecorder, HistogramRecorder, MetricRecorder, Progress
from deltaflow.training.callbacks.hparams import log_hyperparameters, log_outcome, result_tags
from deltaflow.training.callbacks.metrics import SHOWN_SEEDS
from deltaflow.training.callbacks.tensorboard import (
    lay_out_charts,
    log_picture,
    log_verdicts,
    tensorboards,
)
from deltaflow.training.module import StackedModule
from deltaflow.verdicts import copied_layers


def run(
    config: DictConfig,
    directory: Path,
    choices: Mapping[str, str | None],
    overrides: Sequence[str] = (),
    command: Sequence[str] = (),
    console: Console | None = None,
    bar: Console | None = None,
    hydra: str | None = None,
) -> Run:
    """Train what a configuration describes, and leave its records.

    Args:
        config: composed from ``conf/``.
        directory: the run directory.
        choices: the option chosen in each config group.
        overrides: of this run, for the record.
        command: the command line, for the record.
        console: where to say how a table was read; ``None`` for silence.
        bar: where to draw a progress bar; ``None`` for none.
        hydra: Hydra's own configuration as YAML, for the record.

    Returns:
        The run. One whose replicas all diverged is a result too.

    Raises:
        ValueError: for settings that no run can have.
        DirectoryTakenError: if another run has the directory; nothing is touched in it.
        KeyboardInterrupt: if interrupted; what was measured is kept.
    """
    choices = option_names(config, choices)
    values = _hyperparameters(config, choices)
    first = first_summary(choices, overrides, command, values, identity(config))
    records: Recording | None = None
    with raised_once():
        try:
            with held_back():  # from its first moment on, a run has somebody to end it
                records = Recording(directory, first)
            return _recorded(config, records, overrides, console, bar, hydra)
        except BaseException as caught:
            if records is None:  # nothing there is ours
                raise
            with held_back():
                ending = broken_off(config, caught, records)
                records.break_off(ending.status, ending.message)
            raise ending.error from caught
        finally:
            if records is not None:  # a signal may have come between
                records.break_off("interrupted", None)


def _recorded(
    config: DictConfig,
    records: Recording,
    overrides: Sequence[str],
    console: Console | None,
    bar: Console | None,
    hydra: str | None,
) -> Run:
    """Train, and record how it went to the end."""
    _keep_settings(records.directory, config, overrides, hydra)
    limits.check(config)
    with quiet_lightning():
        result = _train(config, records, console, bar)
    records.complete()
    return replace(result, record=records.summary)


def _keep_settings(
    directory: Path, config: DictConfig, overrides: Sequence[str], hydra: str | None
) -> None:
    """What Hydra would write, but only into a directory that is the run's own."""
    kept = {
        "config.yaml": OmegaConf.to_yaml(config),
        "overrides.yaml": OmegaConf.to_yaml(list(overrides)),
        "hydra.yaml": hydra,
    }
    make_folder(directory / ".hydra")
    for name, text in kept.items():
        if text is not None:
            replace_file(directory / ".hydra" / name, text.encode())


def _hyperparameters(config: DictConfig, choices: Mapping[str, str | None]) -> Hyperparameters:
    """Those of a run that may yet turn out to be impossible, whose message is to be another's."""
    try:
        return hyperparameters(config, choices)
    except Exception:
        return {}


def _train(
    config: DictConfig, records: Recording, console: Console | None, bar: Console | None
) -> Run:
    directory = records.directory
    flush_seconds = config.diagnostics.flush_seconds
    tables = [records.table(schema, flush_seconds) for schema in (LAYERS, METRICS)]
    builders.check_size(config)
    data = assembly.datamodule(config)
    if console is not None and data.reading is not None:
        print_reading(console, data.reading, config.data.standardize)
    module = assembly.module(config, data)
    loggers = assembly.loggers(config)
    theory = builders.theory(config, data, module.objective)
    copies = copied_layers(module.network)
    beside = None if module.network.normalization else theory
    callbacks = _callbacks(config, tables, loggers, bar, beside)
    trainer = make_trainer(config, data, directory, callbacks, loggers)
    records.note(
        {
            "table": None if data.reading is None else data.reading.record(),
            "device": _device_name(trainer.strategy.root_device),
            "n_parameters": module.network.n_parameters,
        }
    )
    _open_board(config, module, data.has_test, loggers, records.summary)
    with computed_by(threads(config, module, data)):
        trainer.fit(module, datamodule=data)
        _require_end(trainer)
        records.note({"n_steps": trainer.global_step})
        records.flush()
        trainer.save_checkpoint(directory / "checkpoints" / "last.ckpt")
        if data.has_test:
            trainer.test(module, datamodule=data, verbose=False)
    records.close_tables()

    layers, metrics = (read_table(directory, t, is_own=True) for t in (LAYERS, METRICS))
    # What is left of damaged tables would pass for what is gone.
    known, heard = (layers.clear(), metrics.clear()) if records.n_lost else (layers, metrics)
    n_steps = trainer.global_step
    records.note(summarize(config, data, module, theory, copies, known, heard, n_steps))
    done = Run(directory, records.summary, layers, metrics, module.network.eval())
    if len(layers):
        picture = directory / "flow.png"
        run_picture.save(done.draw(), picture)
        log_picture(loggers, "flow", picture, n_steps)
    log_verdicts(loggers, done.record.verdicts, n_steps)
    log_outcome(loggers, done.record, n_steps)
    for logger in loggers:
        logger.finalize("success")
    return done


def _require_end(trainer: pl.Trainer) -> None:
    """Refuse a training that a part broke off: Lightning takes some exceptions for an end."""
    if not trainer.fit_loop.done:
        raise UserError(
            "A training must go on to its last epoch, or to where a part asks it to stop. Found "
            f"that one broke it off after {trainer.global_step} updates, by an exception that "
            "Lightning takes for an end. Let it set `trainer.should_stop = True`."
        )


def _callbacks(
    config: DictConfig,
    tables: Sequence[TableWriter],
    loggers: Sequence[Logger],
    bar: Console | None,
    theory: Theory | None,
) -> list[pl.Callback]:
    layer_table, metric_table = tables
    seeds, own = builders.seeds(config), assembly.callbacks(config)
    made: list[pl.Callback] = [MetricRecorder(metric_table, seeds)]
    diagnostics = config.diagnostics
    if (n := diagnostics.every_n_steps) is not None:
        rows, ranks = diagnostics.probe_rows, diagnostics.effective_rank
        recorder = FlowRecorder(layer_table, seeds, n, rows, ranks, theory, bool(own))
        made.append(recorder)
    if (n := diagnostics.histogram_every_n_steps) is not None and tensorboards(loggers):
        made.append(HistogramRecorder(n, may_end_early=bool(own)))
    if bar is not None:
        made.append(Progress(bar))
    return made + own


def _open_board(
    config: DictConfig,
    module: StackedModule,
    has_test: bool,
    loggers: Sequence[Logger],
    summary: Summary,
) -> None:
    """Tell the loggers, before any number comes, what was set and what will come."""
    metrics = [*module.objective.metric_names, "loss"]
    by_seed = 1 < config.n_seeds <= SHOWN_SEEDS
    lay_out_charts(loggers, module.network.traits, metrics, by_seed)
    of_any_task = list(dict.fromkeys([*metrics, *METRICS.quantities]))
    log_hyperparameters(
        loggers,
        summary.hyperparameters,
        varied(summary.overrides, summary.command),
        result_tags(of_any_task, FLOW_NUMBERS, "test" if has_test else "final"),
    )


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device.type} ({torch.cuda.get_device_name(device)})"
    return device.type
