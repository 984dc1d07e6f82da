"""Shows the results of a run from its records."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deltaflow.comparison.flow_numbers import (
    first_and_last,
    positive_log,
    with_common_end,
    without_diverged,
)
from deltaflow.comparison.metric_rows import metric_rows
from deltaflow.records import Summary
from deltaflow.system.escaping import short_path
from deltaflow.system.wording import many, replica_word
from deltaflow.terminal.numbers import percent, scientific, spread
from deltaflow.terminal.screen import needed, say, titled_table

_COLUMNS = {  # quantity: heading, whether it is a share
    "delta_norm": ("δ norm", False),
    "predicted_delta_norm": ("theory", False),
    "weight_grad_norm": ("weight gradient", False),
    "update_ratio": ("update ratio", False),
    "saturated_fraction": ("saturated", True),
    "inactive_fraction": ("inactive", True),
    "dead_fraction": ("dead", True),
}

_LEAST_FIRST = (  # order in which columns are left out on a narrow terminal
    "update_ratio", "inactive_fraction", "weight_grad_norm", "saturated_fraction",
)  # fmt: skip


_STYLES = {"healthy": "green", "partial": "cyan", "overfitting": "cyan"}


def print_run(out: Console, directory: Path, summary: Summary, layers: pl.DataFrame) -> None:
    """Show the gradient flow, the metrics, the verdicts and the paths of a run."""
    if len(layers):
        out.print(_flow_table(out, without_diverged(layers, summary)))
        if said := _theory(summary):
            out.print(said)
    if any(summary.metrics.values()):
        out.print(_metric_table(out, summary))
    for verdict in summary.verdicts:
        out.print(Text(verdict.words, style=_STYLES.get(verdict.kind, "bold yellow")))
    diverged = [replica for replica in summary.replicas if replica.has_diverged]
    for replica in diverged:
        fold = f", fold {replica.fold}," if summary.n_folds > 1 else ""
        out.print(
            f"Seed {replica.seed}{fold} diverged: its loss or weights were not finite at step "
            f"{replica.diverged_at_step}."
        )
    if diverged and len(diverged) < len(summary.replicas):
        out.print(f"Means leave the {len(diverged)} diverged of {len(summary.replicas)} out.")
    elif diverged:
        out.print(f"No {replica_word(summary.n_folds)} is left to judge.")
    places = {"Records": short_path(directory)}
    if len(layers):
        places["Picture"] = short_path(directory / "flow.png")
    if (profile := directory / "fit-profile.txt").exists():
        places["Profile"] = short_path(profile)
    if (directory / "tensorboard").is_dir():
        parent = directory.parent  # shows all runs if it is the default folder
        logs = short_path(parent if parent.name == "outputs" else directory)
        places["TensorBoard"] = f"tensorboard --logdir {shlex.quote(logs)}"
    out.print()
    for label, where in places.items():
        say(out, label, where)


def _flow_table(out: Console, layers: pl.DataFrame) -> Table:
    """The table of the gradient flow by layer, with the most important columns that fit."""
    shown = [name for name in _COLUMNS if layers[name].count()]
    layers = with_common_end(layers)
    first, last = first_and_last(layers)
    means = (
        layers.filter(pl.col("step").is_in([first, last]))
        .group_by("layer", "fan_in", "fan_out", "step")
        .agg(
            *(_mean(name) for name in shown),
            *((pl.col(name) == 0).sum().alias(f"{name}_zeros") for name in shown),
            n=pl.len(),
        )
        .sort("layer")
    )
    n, n_folds = layers.select("seed", "fold").n_unique(), layers["fold"].n_unique()
    title = f"Gradient flow, step {first} → step {last}"
    title += f", mean over {many(n, replica_word(n_folds))}" if n > 1 else ""
    table = _flow_columns(out, title, means, shown, (first, last))
    for name in _LEAST_FIRST:
        if needed(out, table).maximum <= out.width:
            break
        if name in shown:
            shown.remove(name)
            table = _flow_columns(out, title, means, shown, (first, last))
    return table


def _flow_columns(
    out: Console, title: str, means: pl.DataFrame, shown: Sequence[str], ends: tuple[int, int]
) -> Table:
    table = titled_table(out, title)
    table.add_column("layer", justify="right")
    table.add_column("shape")
    for name in shown:
        table.add_column(_COLUMNS[name][0], justify="right")
    for (layer, fan_in, fan_out), rows in means.group_by(
        ["layer", "fan_in", "fan_out"], maintain_order=True
    ):
        moments = [rows.filter(pl.col("step") == step) for step in ends]
        cells = [_cell(name, moments) for name in shown]
        table.add_row(str(layer), f"{fan_in} → {fan_out}", *cells)
    return table


def _mean(name: str) -> pl.Expr:
    """The mean over seeds: arithmetic for shares, geometric for other quantities."""
    if _COLUMNS[name][1]:
        return pl.col(name).filter(pl.col(name).is_finite()).mean()
    return (10 ** positive_log(name).mean()).alias(name)


def _cell(name: str, ends: Sequence[pl.DataFrame]) -> str:
    if name.startswith("predicted"):  # only the start is predicted
        return scientific(ends[0][name][0])
    rows = [end.row(0, named=True) for end in ends]
    said = [percent(row[name]) if _COLUMNS[name][1] else _positive(name, row) for row in rows]
    return "–" if set(said) == {"–"} else " → ".join(said)


def _positive(name: str, row: Mapping[str, Any]) -> str:
    """A geometric mean over seeds; seeds with a value of 0 are left out and counted."""
    mean, n_zero, n = row[name], row[f"{name}_zeros"], row["n"]
    if n_zero and mean is None:
        return "0"
    return scientific(mean) + (f" (0 in {n_zero} of {n})" if n_zero else "")


def _theory(summary: Summary) -> str | None:
    """A sentence that compares theory with the measurement of the first step."""
    theory, start = summary.theory, summary.flow.get("decay_rate_start")
    if theory is None or theory.decay_rate is None:
        return None
    error, band = theory.theory_error or 0.0, theory.band
    beside, n = "", len(summary.replicas)
    if start is not None and start.mean is not None:
        of = f" in {start.n} of {n} networks" if start.n < n else ""
        beside = f", measured ×{start.mean:.3g}{of}"
    apart = f"profiles differ by {error:.2f} decades"
    if band is not None:
        within = "within" if error <= band else "beyond"
        apart += f", {within} the {band:.2f} that width and seeds explain"
    return (
        f"Theory at step 0: δ changes ×{theory.decay_rate:.3g} per layer going back{beside}; "
        f"{apart}."
    )


def _metric_table(out: Console, summary: Summary) -> Table:
    """The table of metrics at three moments, with those of the best constant prediction."""
    names = list(dict.fromkeys(name for m in summary.metrics.values() for name in m))
    table = _metric_columns(out, summary, names)
    while len(names) > 2 and needed(out, table).maximum > out.width:
        table = _metric_columns(out, summary, names := names[:-1])
    return table


def _metric_columns(out: Console, summary: Summary, names: Sequence[str]) -> Table:
    n = max((value.n for m in summary.metrics.values() for value in m.values()), default=0)
    over = f"{n} replicas, seeds × folds" if summary.n_folds > 1 else f"{n} seeds"
    note = f", mean and 95 % interval over {over}" if n > 1 else ", one seed: no interval"
    table = titled_table(out, f"Result{note if n else ''}")
    table.add_column("rows, epoch")
    for name in names:
        table.add_column(name, justify="right")
    for title, *cells in metric_cells(summary, names):
        table.add_row(Text(title), *cells)
    return table


def metric_cells(summary: Summary, names: Sequence[str]) -> list[list[str]]:
    """A row for each part of the data and epoch: its title, then a cell for each metric."""
    return [
        [row.title, *(spread(row.values[n]) if n in row.values else "–" for n in names)]
        for row in metric_rows(summary)
        if any(name in row.values for name in names)
    ]
