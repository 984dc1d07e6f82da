"""Completes runs that were trained together; a second process draws their pictures meanwhile."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import torch

from deltaflow.experiment.active_run import ActiveRun
from deltaflow.experiment.results.result import Run
from deltaflow.figures.run.picture import RunPicture
from deltaflow.system.child_processes.second_process import (
    SecondProcess,
    running_process,
    second_process,
)
from deltaflow.system.processes import n_cores
from deltaflow.training.callbacks import Progress

_ENOUGH = 8  # runs whose pictures take longer than the start of the second process


@contextmanager
def picture_process(n_runs: int) -> Iterator[SecondProcess | None]:
    """Start the process that draws pictures, while the runs train.

    Args:
        n_runs: number of pictures to draw.

    Yields:
        The process; ``None`` if there are few pictures, only one core, or no process to be had.
    """
    drawer, before = None, running_process()
    if n_runs >= _ENOUGH and n_cores() > 1:
        try:
            drawer = second_process()
            drawer.load(RunPicture.__module__)
        except OSError:  # no more processes: the pictures are drawn here
            drawer = None
    try:
        yield drawer
    except BaseException:
        if drawer is not None and drawer is not before:
            drawer.end()  # its pictures are not needed any more
        raise


def complete_runs(
    runs: Sequence[tuple[ActiveRun, int]], drawer: SecondProcess | None, bar: Progress | None
) -> None:
    """Evaluate, draw and end runs that have been trained.

    Args:
        runs: each run with its number of updates.
        drawer: the process that draws pictures while this one evaluates; a picture that it has not
            begun by then is drawn here.
        bar: the command's progress bar; ``None`` for none.
    """
    waiting: list[tuple[ActiveRun, Run, Future[bytes] | None]] = []
    before = torch.get_num_threads()
    torch.set_num_threads(1 if drawer is not None else before)  # the drawer has the other core
    try:
        for run, n_steps in runs:
            with run.errors_contained():
                result = run.compute_result(n_steps)
                picture = None
                if drawer is not None and len(result.layers):
                    picture = drawer.submit(RunPicture.png, result.picture)
                waiting.append((run, result, picture))
            while waiting and (waiting[0][2] is None or waiting[0][2].done()):
                _end(*waiting.pop(0), bar)
        while waiting:
            _end(*waiting.pop(), bar)  # the last first, because the drawer begins with the first
    finally:
        torch.set_num_threads(before)


def _end(run: ActiveRun, result: Run, picture: Future[bytes] | None, bar: Progress | None) -> None:
    with run.errors_contained():
        run.end(result, picture)
    if bar is not None:
        bar.end(run.plan.label)
