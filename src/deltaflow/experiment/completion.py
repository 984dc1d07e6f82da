"""The ends of runs that were trained together: what came out, while others are drawn."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

import torch

from deltaflow.experiment.active_run import RunUnderWay
from deltaflow.experiment.result import Run
from deltaflow.figures import run_picture
from deltaflow.system.processes import n_cores
from deltaflow.system.second_process import SecondProcess, running_process, second_process
from deltaflow.training.callbacks import Progress

_ENOUGH = 8  # runs whose pictures take longer than the second process needs to start


@contextmanager
def drawing_beside(n_runs: int) -> Iterator[SecondProcess | None]:
    """The process that draws, which starts while runs train; ``None`` where it would not pay.

    Args:
        n_runs: to be drawn.
    """
    artist, before = None, running_process()
    if n_runs >= _ENOUGH and n_cores() > 1:
        try:
            artist = second_process()
            artist.load(run_picture.__name__)
        except OSError:  # no more processes: it draws here
            artist = None
    try:
        yield artist
    except BaseException:
        if artist is not None and artist is not before:
            artist.end()  # nobody will look at what it draws
        raise


def conclude(
    runs: Sequence[tuple[RunUnderWay, int]], artist: SecondProcess | None, bar: Progress | None
) -> None:
    """Bring runs to their ends.

    Args:
        runs: with the updates that they made.
        artist: draws while numbers are summed up; what it has not begun then is drawn here.
        bar: of the whole command; ``None`` for none.
    """
    waiting: list[tuple[RunUnderWay, Run, Future[bytes] | None]] = []
    before = torch.get_num_threads()
    torch.set_num_threads(1 if artist is not None else before)  # the artist has the other core
    try:
        for run, n_steps in runs:
            with run.step():
                done = run.sum_up(n_steps)
                drawn = None
                if artist is not None and len(done.layers):
                    drawn = artist.submit(run_picture.png, *done.drawn)
                waiting.append((run, done, drawn))
            while waiting and (waiting[0][2] is None or waiting[0][2].done()):
                _end(*waiting.pop(0), bar)
        while waiting:
            _end(*waiting.pop(), bar)  # the last one first, for the artist begins with the first
    finally:
        torch.set_num_threads(before)


def _end(run: RunUnderWay, done: Run, drawn: Future[bytes] | None, bar: Progress | None) -> None:
    with run.step():
        run.end(done, drawn)
    if bar is not None:
        bar.end(run.plan.directory.name.partition("_")[2])
