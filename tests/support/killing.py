"""Sweeps that are killed at random moments and go on: ``python tests/support/killing.py 20``."""

import math
import random
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from deltaflow.records import LAYERS, METRICS, read_summary, read_table
from processes import start
from traps import at_change

SWEEP = [
    "-m", "activation=relu,tanh", "optimizer.lr=0.1,1e30", "n_seeds=2", "loss=mse", "logger=none",
    "trainer.max_epochs=10", "trainer.precision=64-true", "diagnostics.flush_seconds=0",
]  # fmt: skip
OF_THE_DAY = {"started", "wall_seconds", "process", "command", "stack"}
_ROUNDING = 1e-6  # of numbers of runs that were trained in stacks of other sizes
_CHANGES = 450  # of files, about as many as an undisturbed sweep makes


def alike(found: Any, expected: Any) -> bool:
    """Whether two results are the same to rounding, nulls and NaN included."""
    if isinstance(found, pl.DataFrame):
        try:
            assert_frame_equal(found, expected, rel_tol=_ROUNDING)
        except AssertionError:
            return False
        return True
    if isinstance(found, dict):
        return found.keys() == expected.keys() and all(
            alike(value, expected[key]) for key, value in found.items()
        )
    if isinstance(found, list | tuple):
        pairs = zip(found, expected, strict=False)
        return len(found) == len(expected) and all(alike(*pair) for pair in pairs)
    if isinstance(found, float) and isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=_ROUNDING, abs_tol=1e-12)
    return bool(found == expected)


def conduct(folder: Path, *more: str, kills: int = 0, seed: int = 0) -> int:
    """Run a sweep to its end, killed so many times on its way, before any change of its files.

    Args:
        folder: a new one, for the sweep and what it says.
        more: overrides.
        kills: how many commands are to be killed.
        seed: of the moments.

    Returns:
        How many were killed; the others had ended before.
    """
    draw, n_killed = random.Random(seed), 0
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in range(kills + 1):
        goes_on = (folder / "sweep" / "multirun.yaml").exists()
        where = "sweep.resume=sweep" if goes_on else "hydra.sweep.dir=sweep"
        trap = partial(at_change, draw.randint(1, _CHANGES), str(folder.absolute()))
        command = start([*SWEEP, *more, where], folder, trap if attempt < kills else None)
        status, log = command.wait(), folder / f"attempt_{attempt:02d}.log"
        n_killed += status == -signal.SIGKILL
        log.write_text(command.out + command.err)
        if status > 0:
            raise AssertionError(log.read_text())
    return n_killed


def results(folder: Path) -> list[dict[str, Any]]:
    """The table of a sweep, and what its runs gave, apart from times and places."""
    table = pl.read_parquet(folder / "sweep" / "runs.parquet").drop("wall_seconds")
    found: list[dict[str, Any]] = [{"runs": table}]
    for path in sorted((folder / "sweep").glob("*/summary.json")):
        run = path.parent
        assert not (run / "records").exists()
        summary = {k: v for k, v in asdict(read_summary(run)).items() if k not in OF_THE_DAY}
        tables = {schema.name: read_table(run, schema) for schema in (LAYERS, METRICS)}
        found.append({"name": run.name, "summary": summary, **tables})
    return found


def main(kills: int, *more: str) -> None:
    """Kill a sweep so many times, and say whether it ended as an undisturbed one."""
    with tempfile.TemporaryDirectory() as name:
        folder, began = Path(name), time.monotonic()
        conduct(folder / "undisturbed", *more)
        once = time.monotonic() - began
        n_killed = conduct(folder / "killed", *more, kills=kills, seed=kills)
        found, expected = results(folder / "killed"), results(folder / "undisturbed")
        logs = [log.read_text() for log in sorted((folder / "killed").glob("*.log"))]
    n_runs = len(expected) - 1  # the table comes first
    print(  # noqa: T201
        f"{n_runs} runs, undisturbed in {once:.0f} s. {n_killed} of {kills} commands were killed; "
        f"they kept {[log.count('(kept)') for log in logs]} runs and completed "
        f"{[log.count(': completed') + log.count(': diverged') for log in logs]}, "
        f"those included. The same in the end: {alike(found, expected)}"
    )
    raise SystemExit(not alike(found, expected))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
