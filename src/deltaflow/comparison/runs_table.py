"""The table of runs, a row per run and seed, as Parquet and as CSV for spreadsheets."""

import shlex
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from deltaflow.comparison.collection import CollectedRun, finite_or_none, relative_path
from deltaflow.comparison.configurations.configuration import Configuration, Value, text
from deltaflow.comparison.configurations.grouped_runs import GroupedRuns
from deltaflow.records import Replica, Schema, parquet_bytes, runs_schema
from deltaflow.system.files import replace_file

_FORMULA = "=+-@\u2212"  # first characters of a formula (OWASP, CSV injection)
_PARTS = {"final_": "final", "best_": "best", "test_": "test", "": "flow"}  # by column prefix


def runs_table(grouped: GroupedRuns, directory: Path) -> pl.DataFrame:
    """Build the table of runs; its schema is :func:`deltaflow.records.runs_schema`.

    Args:
        grouped: the runs.
        directory: directory of the table; the runs' paths are relative to it.

    Returns:
        The rows, sorted by run and seed.
    """
    schema = runs_schema(
        {
            axis.name: pl.String() if any(isinstance(v, str) for v in axis.values) else pl.Float64()
            for axis in grouped.axes
        }
    )
    rows = [
        row
        for one in grouped.configurations
        for number, run in one.runs.items()
        for row in _rows(grouped, one, number, run, directory, schema)
    ]
    frame = schema.frame({name: [row.get(name) for row in rows] for name in schema.types})
    return frame.sort(schema.key, nulls_last=False)


def write_runs(frame: pl.DataFrame, directory: Path) -> None:
    """Write ``runs.parquet``, and ``runs.csv`` for spreadsheets.

    In ``runs.csv``, an apostrophe is put before each text that a spreadsheet would take for a
    formula, because error messages and overrides may contain anything. Such a text begins, after
    spaces and control characters, with =, +, -, @ or another Unicode form of one of these.
    """
    harmless = pl.DataFrame(
        [
            pl.Series(
                [None if text is None else _harmless(text) for text in series], dtype=pl.String
            )
            if series.dtype == pl.String
            else series
            for series in frame.get_columns()
        ],
        [_harmless(name) for name in frame.columns],
    )
    content = harmless.write_csv().encode()
    replace_file(directory / "runs.parquet", parquet_bytes(frame))
    replace_file(directory / "runs.csv", content)


def _harmless(text: str) -> str:
    r"""Put an apostrophe before a text that a spreadsheet would take for a formula.

    >>> _harmless("=1+1"), _harmless("\uff1d1+1"), _harmless("a=1"), _harmless(" = 1")
    ("'=1+1", "'\uff1d1+1", 'a=1', "' = 1")
    """
    seen = unicodedata.normalize("NFKC", text)
    start = next((c for c in seen if unicodedata.category(c)[0] not in "CZ"), "")
    led = text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if led or (start and start in _FORMULA) else text


def _rows(
    grouped: GroupedRuns,
    one: Configuration,
    number: int,
    run: CollectedRun,
    directory: Path,
    schema: Schema,
) -> Iterator[dict[str, Any]]:
    verdicts, theory = run.summary.verdicts, run.summary.theory
    shared = {
        "run": number,
        "directory": relative_path(run.directory, directory),
        "status": run.status,
        "reason": run.reason,
        "overrides": shlex.join(run.summary.overrides),
        "predicted_decay_rate": finite_or_none(theory and theory.decay_rate),
        "theory_error": finite_or_none(theory and theory.theory_error),
        "verdict": verdicts[0].kind if verdicts else None,
        "wall_seconds": run.summary.wall_seconds,
    } | _axes(one, schema)
    for seed, replica in one.replicas.items():
        if one.sources[seed] != number:
            continue  # another run has this seed already
        units = grouped.tables.units.get((number, seed), {})
        found = {f"{prefix}{key}": value for prefix, part in _PARTS.items()
                 for key, value in replica.numbers(part).items()}  # fmt: skip
        known = found.keys() & schema.quantities  # records are not trusted to name columns
        numbers = {name: finite_or_none(found[name]) for name in known}
        if replica.has_diverged:
            units = {}
        shares = {f"{name}_end": value for name, value in units.items()}
        named = {"seed": replica.seed, "fold": replica.fold}
        yield numbers | shared | shares | named | _ending(replica)
    if not run.summary.replicas:
        yield shared


def _ending(replica: Replica) -> dict[str, Any]:
    step = replica.diverged_at_step
    if not replica.has_diverged:
        return {"status": "completed", "reason": None}
    return {"status": "diverged", "reason": f"not finite at step {step}", "diverged_at_step": step}


def _axes(one: Configuration, schema: Schema) -> dict[str, Value]:
    """A configuration's value on each axis, by column name and in the column's type."""
    found: dict[str, Value] = {}
    for axis, value in one.axes.items():
        name = f"axis.{axis}" if f"axis.{axis}" in schema.types else axis
        is_text = schema.types[name] == pl.String
        found[name] = None if value is None else text(value) if is_text else float(value)
    return found
