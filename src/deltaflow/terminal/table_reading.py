"""Shows how a table was read, before a run trains on it."""

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from deltaflow.data import Column, Kind, Reading
from deltaflow.system.escaping import brief, literal
from deltaflow.system.wording import many
from deltaflow.terminal.screen import say, titled_table

_MAX_LISTED = 24  # columns or classes that are listed


def print_reading(out: Console, reading: Reading, standardize: bool) -> None:
    """Show the target of a table, and how each column is encoded.

    Args:
        out: the console.
        reading: how the table was read.
        standardize: whether numbers are standardised.
    """
    n_inputs = sum(column.n_inputs for column in reading.columns)
    n_used = sum(column.n_inputs > 0 for column in reading.columns)
    gone = f", {reading.n_rows_left_out} left out for a gap" if reading.n_rows_left_out else ""
    for label, said in (
        ("Table", f"{literal(reading.path)}, {reading.n_rows} rows{gone}"),
        ("Target", _goal(reading)),
        ("Inputs", f"{n_inputs}, from {n_used} of {len(reading.columns)} other columns"),
    ):
        out.print(Text(f"{label:<13}{said}", overflow="fold"))
    table = titled_table(out, "Columns")
    table.add_column("column", overflow="fold")
    table.add_column("read as")
    table.add_column("becomes", overflow="fold")
    rows = _rows(reading.columns, standardize)
    for row in rows[:_MAX_LISTED]:
        table.add_row(*map(Text, row))
    if len(rows) > _MAX_LISTED:
        table.add_row(Text(f"… and {len(rows) - _MAX_LISTED} more"), "", "")
    out.print(table)


def print_network(
    out: Console, sizes: Sequence[int], n_parameters: int, rows: Sequence[int]
) -> None:
    """Show the shape of a network and the sizes of the parts of the data.

    Args:
        out: the console.
        sizes: number of units of each layer, inputs first.
        n_parameters: number of parameters of one replica.
        rows: number of rows in the training, validation and test part.
    """
    layers = " → ".join(
        f"{n} × {size}" if (n := len([*group])) > 1 else str(size) for size, group in groupby(sizes)
    )
    shared = f"{'/'.join(map(str, rows))} rows to train, validate, test"
    say(out, "Network", f"{layers}, {n_parameters:,} parameters · {shared}")


def _goal(reading: Reading) -> str:
    names = [brief(name) for name in reading.targets]
    if reading.target_ranges:
        several = zip(names, reading.target_ranges, strict=True)
        ends = [f"{name}: regression, from {low:g} to {high:g}" for name, (low, high) in several]
        more = f" and {len(ends) - _MAX_LISTED} more" if len(ends) > _MAX_LISTED else ""
        return "; ".join(ends[:_MAX_LISTED]) + more
    counts = [f"{brief(name)} ({n})" for name, n in reading.class_counts.items()]
    more = f" and {len(counts) - _MAX_LISTED} more" if len(counts) > _MAX_LISTED else ""
    classes = ", ".join(counts[:_MAX_LISTED])
    return f"{names[0]}: classification, {len(counts)} classes: {classes}{more}"


def _rows(columns: Sequence[Column], standardize: bool) -> list[tuple[str, str, str]]:
    """A row for each column; in a wide table, one for neighbours that are treated the same."""
    rows = [(brief(c.name) or "(no name)", *_treatment(c, standardize)) for c in columns]
    if len(rows) <= _MAX_LISTED:
        return rows
    grouped = []
    for treatment, group in groupby(rows, key=lambda row: row[1:]):
        names = [row[0] for row in group]
        many = f"{names[0]} … {names[-1]} ({len(names)} columns)"
        grouped.append((many if len(names) > 1 else names[0], *treatment))
    return grouped


def _treatment(column: Column, standardize: bool) -> tuple[str, str]:
    kind = column.kind.value if column.kind is not None else "–"
    if column.left_out:
        return kind, f"left out: {column.left_out}"
    how = ", standardised" if standardize and column.kind and column.kind.is_numeric else ""
    n, names = column.n_values, column.categories
    if column.kind is Kind.CATEGORY:
        kind = f"{kind} ({len(names)})"
        how = ", one-hot" if n > 1 else f", 1 for {brief(names[-1])}"
    elif column.kind is Kind.ORDER:
        kind = f"{kind} ({len(names)})"
        how = f", 0 for {brief(names[0])} to {len(names) - 1} for {brief(names[-1])}{how}"
    elif column.kind is Kind.BOOLEAN:
        how = ", 0 or 1"
    elif column.kind is Kind.DATE:
        how = f", in days{how}"
    inputs = f"{many(n, 'input')}{how}"
    return kind, f"{inputs}; 1 for a gap" if column.has_indicator else inputs
