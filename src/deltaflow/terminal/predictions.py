"""Shows the predictions of networks for new rows, and their scores."""

from collections.abc import Mapping, Sequence

import polars as pl
from rich.console import Console
from rich.text import Text

from deltaflow.system.escaping import brief, listing
from deltaflow.system.wording import many
from deltaflow.terminal.screen import say, titled_table

_MAX_SHOWN = 10  # largest number of rows, and of columns, that are shown


def print_predictions(
    out: Console, predictions: pl.DataFrame, n_networks: int, extra: Sequence[str]
) -> None:
    """Show the first predictions.

    Args:
        out: the console.
        predictions: one row for each row of the table.
        n_networks: number of networks that made the predictions.
        extra: columns of the table that were not used.
    """
    say(out, "Rows", f"{len(predictions)}, by {many(n_networks, 'network')}")
    if extra:
        say(out, "Not used", listing(extra))
    names = predictions.columns
    shown = names if len(names) <= _MAX_SHOWN else [*names[: _MAX_SHOWN - 2], *names[-2:]]
    table = titled_table(out, "Predictions")
    table.add_column("row", justify="right")
    for name in shown:
        table.add_column(Text(brief(name)), overflow="fold")
    for number, row in enumerate(predictions.select(shown).head(_MAX_SHOWN).rows(), start=1):
        table.add_row(str(number), *(Text(_cell(value)) for value in row))
    if len(predictions) > _MAX_SHOWN:
        table.add_row("…", *("" for _ in shown))
    out.print(table)


def print_scores(
    out: Console, n_rows: int, scores: Mapping[str, tuple[float, float | None]]
) -> None:
    """Show the scores of predictions on rows whose target is known.

    Args:
        out: the console.
        n_rows: number of these rows.
        scores: by name, the score of all networks together, and the mean of their single scores.
    """
    table = titled_table(out, f"On these {n_rows} rows, whose target is known")
    for name in ("", "together", "each alone"):
        table.add_column(name, justify="left" if not name else "right")
    for name, (together, alone) in scores.items():
        table.add_row(
            name.replace("_", " "), _cell(together), "" if alone is None else _cell(alone)
        )
    out.print(table)


def _cell(value: str | float | None) -> str:
    if value is None:
        return "–"
    return brief(value) if isinstance(value, str) else f"{value:.4g}"
