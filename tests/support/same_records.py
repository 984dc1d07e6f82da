"""What two runs, or two sweeps, have left: whether it is the same, bit for bit."""

from pathlib import Path

import polars as pl
import torch

from deltaflow.records import LAYERS, METRICS, read_summary, read_table


def differences(one: Path, other: Path) -> list[str]:
    """What of two runs, or of two sweeps, is not the same, bit for bit.

    Of a sweep, runs.parquet but for ``wall_seconds``, and each of its runs; of a run, both tables,
    the verdicts, and weights and state of the optimizer.
    """
    if runs := sorted(path.name for path in one.glob("[0-9]*")):  # of a sweep
        tables = [pl.read_parquet(sweep / "runs.parquet") for sweep in (one, other)]
        found = _unlike("runs", *(table.drop("wall_seconds") for table in tables))
        return found + [
            f"{run}: {part}" for run in runs for part in differences(one / run, other / run)
        ]
    found = []
    for schema in (LAYERS, METRICS):
        found += _unlike(schema.name, *(read_table(run, schema) for run in (one, other)))
    if read_summary(one).verdicts != read_summary(other).verdicts:
        found.append("verdicts")
    states = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (one, other)
    ]
    for part in ("state_dict", "optimizer_states"):
        first, second = (flat(state[part]) for state in states)
        same = first.keys() == second.keys() and all(
            _equal(torch.as_tensor(first[key]), torch.as_tensor(second[key])) for key in first
        )
        found += [] if same else [part]
    return found


def _unlike(name: str, one: pl.DataFrame, other: pl.DataFrame) -> list[str]:
    """The columns of two tables that differ, and by how much, relative to the larger value."""
    if one.schema != other.schema or len(one) != len(other):
        return [f"{name}: other rows or columns"]
    found = []
    for a, b in zip(one, other, strict=True):
        if a.equals(b):
            continue
        if not a.dtype.is_float():
            found.append(f"{name}.{a.name}")
            continue
        apart = (a - b).abs() / b.abs()
        found.append(f"{name}.{a.name} by {apart.max()} in {(~a.eq_missing(b)).sum()} rows")
    return found


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether all numbers are the same; a network that diverged has some that are none."""
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def flat(tree: object, prefix: str = "") -> dict[str, object]:
    """The numbers and tensors of nested lists and dictionaries, by their places."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found: dict[str, object] = {}
    for key, value in items:
        if isinstance(value, dict | list | tuple):
            found |= flat(value, f"{prefix}.{key}")
        elif value is not None:
            found[f"{prefix}.{key}"] = value
    return found
