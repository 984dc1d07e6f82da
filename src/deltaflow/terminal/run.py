"""What a run says in the terminal, from its records."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deltaflow.comparison.flow_numbers import first_and_last, positive_log, without_diverged
from deltaflow.records import Summary
from deltaflow.terminal.screen import arrow, percent, scientific, spread, titled_table

_COLUMNS = {  # quantity: heading, whether it is a share
    "delta_norm": ("δ norm", False),
    "predicted_delta_norm": ("theory", False),
    "weight_grad_norm": ("weight gradient", False),
    "update_ratio": ("update ratio", False),
    "saturated_fraction": ("saturated", True),
    "inactive_fraction": ("inactive", True),
    "dead_fraction": ("dead", True),
}

_STYLES = {"healthy": "green", "partial": "cyan", "overfitting": "cyan"}


def print_run(out: Console, directory: Path, summary: Summary, layers: pl.DataFrame) -> None:
    """Say how gradients flowed, how good the network is, and where the records are.

    Args:
        out: where to.
        directory: the run directory.
        summary: of the run.
        layers: its layers table.
    """
    if len(layers):
        out.print(_flow_table(out, without_diverged(layers, summary.replicas)))
        if said := _theory(summary):
            out.print(said)
    if any(summary.metrics.values()):
        out.print(_metric_table(out, summary))
    for verdict in summary.verdicts:
        out.print(Text(verdict.words, style=_STYLES.get(verdict.kind, "bold yellow")))
    diverged = [replica for replica in summary.replicas if replica.has_diverged]
    for replica in diverged:
        out.print(
            f"Seed {replica.seed} diverged: its loss or weights were not finite at step "
            f"{replica.diverged_at_step}."
        )
    if diverged and len(diverged) < len(summary.replicas):
        out.print(f"Means leave the {len(diverged)} diverged of {len(summary.replicas)} out.")
    elif diverged:
        out.print("No seed is left to judge.")
    out.print(Text(f"\nRecords      {directory}", overflow="fold"))
    if len(layers):
        out.print(Text(f"Picture      {directory / 'flow.png'}", overflow="fold"))
    if (profile := directory / "fit-profile.txt").exists():
        out.print(Text(f"Profile      {profile}", overflow="fold"))
    if (directory / "tensorboard").is_dir():
        parent = directory.parent  # of our own making it shows all runs, else who knows what
        logs = shlex.quote(str(parent if parent.name == "outputs" else directory))
        out.print(Text(f"TensorBoard  tensorboard --logdir {logs}", overflow="fold"))


def _flow_table(out: Console, layers: pl.DataFrame) -> Table:
    first, last = first_and_last(layers)
    n_seeds = layers["seed"].n_unique()
    note = f", mean over {n_seeds} seeds" if n_seeds > 1 else ""
    table = titled_table(out, f"Gradient flow, step {first} → step {last}{note}")
    shown = [name for name in _COLUMNS if layers[name].count()]
    table.add_column("layer", justify="right")
    table.add_column("shape")
    for name in shown:
        table.add_column(_COLUMNS[name][0], justify="right")
    means = layers.group_by("layer", "fan_in", "fan_out", "step").agg(
        *(_mean(name) for name in shown),
        *((pl.col(name) == 0).sum().alias(f"{name}_zeros") for name in shown),
        n=pl.len(),
    )
    for (layer, fan_in, fan_out), rows in means.sort("layer").group_by(
        ["layer", "fan_in", "fan_out"], maintain_order=True
    ):
        ends = [rows.filter(pl.col("step") == step) for step in (first, last)]
        cells = [_cell(name, ends) for name in shown]
        table.add_row(str(layer), f"{fan_in} → {fan_out}", *cells)
    return table


def _mean(name: str) -> pl.Expr:
    """Over seeds: of shares the arithmetic mean, of what spans decades the geometric one."""
    if _COLUMNS[name][1]:
        return pl.col(name).filter(pl.col(name).is_finite()).mean()
    return (10 ** positive_log(name).mean()).alias(name)


def _cell(name: str, ends: Sequence[pl.DataFrame]) -> str:
    if name.startswith("predicted"):  # of the start alone
        return scientific(ends[0][name][0])
    if _COLUMNS[name][1]:
        return arrow([end[name][0] for end in ends], percent)
    said = [_positive(name, end.row(0, named=True)) for end in ends]
    return "–" if set(said) == {"–"} else " → ".join(said)


def _positive(name: str, row: Mapping[str, Any]) -> str:
    """A geometric mean over seeds; those where it is 0 have no logarithm, and are counted."""
    mean, n_zero, n = row[name], row[f"{name}_zeros"], row["n"]
    if n_zero and mean is None:
        return "0"
    return scientific(mean) + (f" (0 in {n_zero} of {n} seeds)" if n_zero else "")


def _theory(summary: Summary) -> str | None:
    """What theory made of the first step, in a sentence."""
    theory, start = summary.theory, summary.flow.get("decay_rate_start")
    if theory is None or theory.decay_rate is None:
        return None
    error, band = theory.theory_error or 0.0, theory.band or 0.0
    beside = "" if start is None or start.mean is None else f", measured ×{start.mean:.3g}"
    within = "within" if error <= band else "beyond"
    return (
        f"Theory at step 0: δ changes ×{theory.decay_rate:.3g} per layer going back{beside}; "
        f"profiles differ by {error:.2f} decades, {within} the "
        f"{band:.2f} that width and seeds explain."
    )


def _metric_table(out: Console, summary: Summary) -> Table:
    n = max((value.n for m in summary.metrics.values() for value in m.values()), default=0)
    note = f", mean and 95 % interval over {n} seeds" if n > 1 else ", one seed: no interval"
    table = titled_table(out, f"Result{note if n else ''}")
    table.add_column("")
    names = list(dict.fromkeys(name for m in summary.metrics.values() for name in m))
    for name in names:
        table.add_column(name, justify="right")
    judged = "validation" if summary.metrics.get("best") else "training"
    titles = {
        "final": f"{judged}, last epoch",
        "best": "validation, best epoch",
        "test": "test, last epoch",
    }
    for moment, title in titles.items():
        values = summary.metrics.get(moment)
        if values:
            cells = [spread(values[name]) if name in values else "–" for name in names]
            table.add_row(title, *cells)
    return table
