"""From configurations to results: train, alone or as one stack, record, and say how it ended.

``summary.json`` is there from the start of a run, so that whatever happens to it leaves a
trace: it says ``running`` until the end says otherwise.
"""

from collections.abc import Hashable, Sequence

from rich.console import Console

from deltaflow.experiment import assembly
from deltaflow.experiment.active_run import RunUnderWay
from deltaflow.experiment.checkpoints.archive import CHECKPOINT
from deltaflow.experiment.checkpoints.storage import Storage, checkpoints
from deltaflow.experiment.failure import interrupted, was_interrupted
from deltaflow.experiment.plan import RunPlan
from deltaflow.experiment.result import Run
from deltaflow.experiment.stacked_training import recorders, require_end, train_together
from deltaflow.experiment.trainer import computed, make_trainer, quiet_lightning
from deltaflow.system.signals import interrupts_deferred, single_interrupt
from deltaflow.terminal.inputs import print_network, print_reading
from deltaflow.training.callbacks import Progress
from deltaflow.training.callbacks.checkpoints import start_from


def run_alone(plan: RunPlan, console: Console | None = None, bar: Progress | None = None) -> Run:
    """Train what a configuration describes, and leave its records.

    Args:
        plan: the configuration, and where its records go.
        console: where to say how a table was read; ``None`` for silence.
        bar: of the whole command; ``None`` for none.

    Returns:
        The run. One whose replicas all diverged is a result too.

    Raises:
        ValueError: for settings that no run can have.
        DirectoryTakenError: if another run has the directory; nothing is touched in it.
        KeyboardInterrupt: if interrupted; what was measured is kept.
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
    """Train runs of one shape as one stack, each with records of its own.

    Args:
        plans: of runs with the same :func:`deltaflow.experiment.stacked_training.shape`.
        console: where to say how a table was read; ``None`` for silence.
        bar: of the whole command; ``None`` for none.
        is_alone: whether there is one run, and no sweep: it says on the console what its network
            is.

    Returns:
        Of each, the run, or the error that it failed by, which is in its summary.

    Raises:
        KeyboardInterrupt: if interrupted; what was measured is kept.
    """
    found: list[RunUnderWay | BaseException] = []
    with single_interrupt():
        try:
            for plan in plans:
                try:
                    with (
                        interrupts_deferred()
                    ):  # from its first moment on, a run has somebody to end it
                        found.append(RunUnderWay.begin(plan))
                except Exception as error:  # nothing there is ours
                    found.append(error)
            with quiet_lightning():
                _train(
                    [one for one in found if isinstance(one, RunUnderWay)], console, bar, is_alone
                )
        except BaseException as caught:
            going = [one for one in found if isinstance(one, RunUnderWay) and one.is_going]
            if going and was_interrupted(caught) and not caught.args:
                raise interrupted(going[0].plan.directory) from caught
            raise
        finally:
            for one in found:  # a signal may have come between
                if isinstance(one, RunUnderWay) and one.is_going:
                    one.records.abort("interrupted", None)
    outcomes = [one.outcome if isinstance(one, RunUnderWay) else one for one in found]
    return [outcome for outcome in outcomes if outcome is not None]


def _train(
    runs: Sequence[RunUnderWay], console: Console | None, bar: Progress | None, is_alone: bool
) -> None:
    """Bring every run to its end."""
    data = None
    for one in runs:
        with one.step():
            one.load_data(shared=data)
            if data is None:
                data = one.data
                if console is not None and data.reading is not None:
                    print_reading(console, data.reading, one.plan.config.data.standardize)
            one.assemble()
            if console is not None and is_alone:
                network = one.module.network
                print_network(console, network.sizes, network.n_parameters, one.data.n_rows)
    _train_assembled([one for one in runs if one.is_going], bar)


def _train_assembled(runs: Sequence[RunUnderWay], bar: Progress | None) -> None:
    groups: dict[Hashable, list[RunUnderWay]] = {}
    for one in runs:  # losses may ask for different numbers of outputs; one may have come further
        has_ended = one.progress is not None and one.progress.has_ended
        key = one.module.network.sizes, one.progress, id(one) if has_ended else None
        groups.setdefault(key, []).append(one)
    for alike in groups.values():
        _train_alike(alike, bar)


def _train_alike(runs: Sequence[RunUnderWay], bar: Progress | None) -> None:
    if bar is not None:
        bar.begin(len(runs))
    if len(runs) == 1:
        with runs[0].step():
            _train_alone(runs[0], bar)
        return
    try:
        train_together(runs, bar)
    except BaseException as error:
        if was_interrupted(error):
            raise KeyboardInterrupt(*error.args) from error
        middle = len(runs) // 2  # one of them failed: the others do without it
        for half in (runs[:middle], runs[middle:]):
            for one in half:
                if one.is_going:
                    with one.step():
                        one.restart()
            _train_assembled([one for one in half if one.is_going], bar)


def _train_alone(one: RunUnderWay, bar: Progress | None) -> None:
    config, directory = one.plan.config, one.plan.directory
    callbacks = [*recorders(config, [one.destination()], one.loggers, bar),
                 *assembly.callbacks(config)]  # fmt: skip
    storage, path = Storage(directory), directory / CHECKPOINT
    callbacks.append(checkpoints(config, storage, callbacks, [one.flush]))
    trainer = make_trainer(config, one.data, directory, callbacks, one.loggers, storage)
    if one.progress is not None:
        start_from(trainer, one.progress)
    one.begin_training(trainer.strategy.root_device, [])
    threads = None if one.progress is None else one.progress.threads
    with computed(config, one.module, one.data, threads):
        state = None if one.progress is None else str(path)
        trainer.fit(one.module, datamodule=one.data, ckpt_path=state, weights_only=True)
        require_end(trainer)
        one.flush()
        trainer.save_checkpoint(path)
        if one.data.has_test:
            trainer.test(one.module, datamodule=one.data, verbose=False)
    one.conclude(trainer.global_step)
    if bar is not None:
        bar.end(one.plan.directory.name.partition("_")[2])
