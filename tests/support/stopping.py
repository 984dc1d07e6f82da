"""Runs stopped at random moments of their last second: ``python tests/support/stopping.py 200``."""

import itertools
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from deltaflow.records import LAYERS, METRICS, read_table
from processes import start

RUN = ["hydra.run.dir=run", "trainer.max_epochs=20", "n_seeds=2", "diagnostics.flush_seconds=0.05"]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
_SECOND = 1.0


def stop_at_random(folder: Path, stops: int, seed: int) -> tuple[int, Counter[str]]:
    """Stop runs, each at one moment, and count rows that were written and are gone.

    Each is halted before it gets its signal, so that what it has written by then is known.

    Args:
        folder: an empty one.
        stops: how many runs to stop.
        seed: of signals and moments.

    Returns:
        Rows lost, and how many of the runs ended how.
    """
    draw, n_lost, endings = random.Random(seed), 0, Counter[str]()
    seconds = min(_seconds(folder / f"whole_{n}") for n in range(2))
    for number in itertools.count():
        directory = folder / f"stopped_{number:03d}"
        directory.mkdir()
        command, began = start(RUN, directory), time.monotonic()
        command.process.join(draw.uniform(max(seconds - _SECOND, 0.1), seconds))
        if command.process.exitcode is not None:  # it was quicker than the others
            seconds = min(seconds, time.monotonic() - began)
            continue
        command.send(signal.SIGSTOP)
        before = _rows(directory / "run")
        chosen = draw.choice(SIGNALS)
        command.send(chosen)
        command.send(signal.SIGCONT)
        status = command.wait()
        if "Traceback" in command.err:
            raise AssertionError(command.err)
        n_lost += len(before - _rows(directory / "run"))
        endings[f"{chosen.name}, status {status}"] += 1
        if endings.total() == stops:
            break
    return n_lost, endings


def _seconds(directory: Path) -> float:
    """How long a run takes that nothing stops."""
    directory.mkdir()
    began = time.monotonic()
    assert start(RUN, directory).wait() == 0
    return time.monotonic() - began


def _rows(directory: Path) -> set[tuple[str, ...]]:
    """The keys of all rows that can be read."""
    if not directory.exists():
        return set()
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
