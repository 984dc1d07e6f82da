"""Runs stopped at random moments: ``python tests/support/stopping.py 200``."""

import os
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from deltaflow.records import LAYERS, METRICS, read_table
from processes import start
from traps import at_change

RUN = ["hydra.run.dir=run", "trainer.max_epochs=3", "n_seeds=2", "diagnostics.flush_seconds=0"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
_CHANGES = 85  # of files, which any such run makes
_MAX_BETWEEN = 15  # changes between the copy and the signal
_CALLS = 2000  # of functions, about as many as there are between two changes


def stop_at_random(folder: Path, stops: int, seed: int) -> tuple[int, Counter[str]]:
    """Stop runs, each at one moment, and count rows that were written and are gone.

    What has been written is copied before a change of the run's files; the signal comes some
    changes and some function calls later.

    Args:
        folder: an empty one.
        stops: how many runs to stop.
        seed: of signals and moments.

    Returns:
        Rows lost, and how many of the runs ended how.
    """
    draw, n_lost, endings = random.Random(seed), 0, Counter[str]()
    for number in range(stops):
        directory, chosen = (folder / f"stopped_{number:03d}").absolute(), draw.choice(SIGNALS)
        last, n_calls = draw.randint(1, _CHANGES), draw.choice((0, draw.randint(1, _CALLS)))
        first = max(1, last - draw.randint(0, _MAX_BETWEEN))
        command = start(RUN, directory, partial(_stop, directory, first, last, n_calls, chosen))
        status = command.wait()
        if "Traceback" in command.err:
            raise AssertionError(command.err)
        n_lost += len(_rows(directory / "before") - _rows(directory / "run"))
        endings[f"{chosen.name}, status {status}"] += 1
    return n_lost, endings


def _stop(directory: Path, first: int, last: int, n_calls: int, number: int) -> None:
    run = directory / "run"
    at_change(first, str(run), partial(shutil.copytree, run, directory / "before"))
    at_change(last, str(run), partial(os.kill, os.getpid(), number), n_calls)


def _rows(directory: Path) -> set[tuple[str, ...]]:
    """The keys of all rows that can be read."""
    return {
        (schema.name, *map(str, key))
        for schema in (LAYERS, METRICS)
        for key in read_table(directory, schema).select(schema.key).iter_rows()
    }


def main(stops: int) -> None:
    """Stop so many runs, and say what was lost."""
    with tempfile.TemporaryDirectory() as name:
        n_lost, endings = stop_at_random(Path(name), stops, seed=stops)
    for ending, n in sorted(endings.items()):
        print(f"{n:4d} × {ending}")  # noqa: T201
    print(f"{n_lost} rows lost that had been written")  # noqa: T201
    raise SystemExit(n_lost > 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
