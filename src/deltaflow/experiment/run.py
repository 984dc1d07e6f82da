"""Trains runs from their plans, alone or as one stack, and records how they ended.

``summary.json`` is written at the start of a run, with the status ``running``, so that a run leaves
a trace whatever happens to it.
"""

from collections.abc import Hashable, Sequence

from rich.console import Console

from deltaflow.config.messages import explain, print_error
from deltaflow.experiment.active_run import ActiveRun
from deltaflow.experiment.building import assembly
from deltaflow.experiment.building.trainer import configured_threads, make_trainer, quiet_lightning
from deltaflow.experiment.checkpoints.archive import CHECKPOINT
from deltaflow.experiment.checkpoints.storage import Storage, checkpoints
from deltaflow.experiment.failure import interruption, was_interrupted
from deltaflow.experiment.planning.plan import RunPlan
from deltaflow.experiment.results.result import Run
from deltaflow.experiment.stacked_training import recorders, require_complete_training, train_stack
from deltaflow.system.escaping import printable
from deltaflow.system.signals import interrupts_deferred, single_interrupt
from deltaflow.terminal.table_reading import print_network, print_reading
from deltaflow.training.callbacks import Progress
from deltaflow.training.callbacks.checkpoints import set_progress


def run_alone(plan: RunPlan, console: Console | None = None, bar: Progress | None = None) -> Run:
    """Train one run and write its records.

    Args:
        plan: the plan of the run.
        console: console for how the table was read and for the network; ``None`` for silence.
        bar: the command's progress bar; ``None`` for none.

    Returns:
        The result, also if all replicas diverged.

    Raises:
        ValueError: if a setting is not valid.
        DirectoryTakenError: if another run has the directory. No file is changed then.
        KeyboardInterrupt: if interrupted; the measurements so far are kept.
    """
    (outcome,) = run_together([plan], console, bar, is_alone=True)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def run_together(
    plans: Sequence[RunPlan],
    console: Console | None = None,
    bar: Progress | None = None,
    is_alone: bool = False,
) -> list[Run | BaseException]:
    """Train runs as one stack, each with records of its own.

    Args:
        plans: plans with the same :func:`deltaflow.experiment.compatibility.stack_key`.
        console: console for how the table was read; ``None`` for silence.
        bar: the command's progress bar; ``None`` for none.
        is_alone: whether the only run is not part of a sweep, so that its network is printed too.

    Returns:
        For each plan the result, or the error of a failed run, which is also in its summary.

    Raises:
        KeyboardInterrupt: if interrupted; the measurements so far are kept.
    """
    runs: list[ActiveRun] = []
    found: list[ActiveRun | Exception] = []
    with single_interrupt():
        try:
            for plan in plans:
                try:
                    with interrupts_deferred():  # or nobody would end a run that has just begun
                        runs.append(ActiveRun.begin(plan))
                        found.append(runs[-1])
                except Exception as error:  # the run has not taken the directory
                    found.append(error)
            with quiet_lightning():
                _train(runs, console, bar, is_alone)
        except BaseException as caught:
            active = [run for run in runs if run.is_active]
            if active and was_interrupted(caught) and not caught.args:
                raise interruption(active[0].plan.directory) from caught
            raise
        finally:
            for run in runs:  # a signal may have come outside of `errors_contained`
                if run.is_active:
                    run.records.abort("interrupted", None)
    outcomes = [one.outcome if isinstance(one, ActiveRun) else one for one in found]
    return [outcome for outcome in outcomes if outcome is not None]


def _train(
    runs: Sequence[ActiveRun], console: Console | None, bar: Progress | None, is_alone: bool
) -> None:
    """Load the data, build the networks, and train."""
    data = None
    for run in runs:
        with run.errors_contained():
            run.load_data(shared=data)
            if data is None:
                data = run.data
                if console is not None and data.reading is not None:
                    print_reading(console, data.reading, run.plan.config.data.standardize)
            run.assemble()
            if console is not None and is_alone:
                network = run.module.network
                print_network(console, network.sizes, network.n_parameters, run.data.n_rows)
    _train_assembled([run for run in runs if run.is_active], bar)


def _train_assembled(runs: Sequence[ActiveRun], bar: Progress | None) -> None:
    """Group the runs that can be trained as one stack, and train each group.

    Losses may need different numbers of outputs, and resumed runs may have different progress.
    """
    groups: dict[Hashable, list[ActiveRun]] = {}
    for run in runs:
        has_ended = run.progress is not None and run.progress.has_ended
        key = run.module.network.sizes, run.progress, id(run) if has_ended else None
        groups.setdefault(key, []).append(run)
    for group in groups.values():
        _train_group(group, bar)


def _train_group(runs: Sequence[ActiveRun], bar: Progress | None) -> None:
    if bar is not None:
        bar.begin(len(runs))
    if len(runs) == 1:
        with runs[0].errors_contained():
            _train_alone(runs[0], bar)
        return
    try:
        train_stack(runs, bar)
    except BaseException as error:
        if was_interrupted(error):
            raise KeyboardInterrupt(*error.args) from error
        names = f"from {runs[0].plan.label} to {runs[-1].plan.label}"
        print_error(printable(
            f"{len(runs)} runs of one stack, {names}, are trained again in two halves, because of: "
            f"{explain(error)}"
        ))  # fmt: skip
        middle = len(runs) // 2  # one of them failed; it is found by halving
        for half in (runs[:middle], runs[middle:]):
            for run in half:
                if run.is_active:
                    with run.errors_contained():
                        run.restart()
            _train_assembled([run for run in half if run.is_active], bar)


def _train_alone(run: ActiveRun, bar: Progress | None) -> None:
    config, directory = run.plan.config, run.plan.directory
    callbacks = [*recorders(config, [run.destination()], run.loggers, bar),
                 *assembly.callbacks(config)]  # fmt: skip
    storage, path = Storage(directory), directory / CHECKPOINT
    callbacks.append(checkpoints(config, storage, callbacks, [run.flush]))
    trainer = make_trainer(config, run.data, directory, callbacks, run.loggers, storage)
    if run.progress is not None:
        set_progress(trainer, run.progress)
    run.begin_training(trainer.strategy.root_device, [])
    with configured_threads(config, run.module, run.data, run.progress):
        state = None if run.progress is None else str(path)
        trainer.fit(run.module, datamodule=run.data, ckpt_path=state, weights_only=True)
        require_complete_training(trainer)
        run.flush()
        trainer.save_checkpoint(path)
        if run.data.has_test:
            trainer.test(run.module, datamodule=run.data, verbose=False)
    run.end(run.compute_result(trainer.global_step))
    if bar is not None:
        bar.end(run.plan.label)
