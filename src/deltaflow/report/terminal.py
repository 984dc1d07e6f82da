"""What a run and a sweep say in the terminal, from their records."""

import math
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deltaflow.report.aggregate import first_and_last, without_diverged

_COLUMNS = {  # quantity: heading, whether it is a share
    "delta_norm": ("δ norm", False),
    "weight_grad_norm": ("weight gradient", False),
    "update_ratio": ("update ratio", False),
    "saturated_fraction": ("saturated", True),
    "inactive_fraction": ("inactive", True),
    "dead_fraction": ("dead", True),
}
_PLAIN_WIDTH = 120  # of a file or a pipe


def console(stderr: bool = False) -> Console:
    """A console that wraps at the terminal's width, and writes plain wide text elsewhere."""
    made = _PatientConsole(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made.width = _PLAIN_WIDTH
    return made


class _PatientConsole(Console):
    """Goes on in silence when nobody reads any more, as after ``| head``."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_run(
    out: Console, directory: Path, summary: Mapping[str, Any], layers: pl.DataFrame
) -> None:
    """Say how gradients flowed, how good the network is, and where the records are.

    Args:
        out: where to.
        directory: the run directory.
        summary: of the run.
        layers: its layers table.
    """
    if len(layers):
        out.print(_flow_table(out, without_diverged(layers, summary["replicas"])))
    if any(summary["metrics"].values()):
        out.print(_metric_table(out, summary))
    diverged = [r for r in summary["replicas"] if r["status"] == "diverged"]
    for replica in diverged:
        out.print(
            f"Seed {replica['seed']} diverged: its loss or weights were not finite at step "
            f"{replica['diverged_at_step']}."
        )
    if diverged and len(diverged) < len(summary["replicas"]):
        out.print(f"Means leave the {len(diverged)} diverged of {len(summary['replicas'])} out.")
    elif diverged:
        out.print("No seed is left to judge. Try a smaller optimizer.lr.")
    out.print(Text(f"\nRecords      {directory}", overflow="fold"))
    if len(layers):
        out.print(Text(f"Picture      {directory / 'flow.png'}", overflow="fold"))
    if (directory / "tensorboard").is_dir():
        parent = directory.parent  # of our own making it shows all runs, else who knows what
        logs = shlex.quote(str(parent if parent.name == "outputs" else directory))
        out.print(Text(f"TensorBoard  tensorboard --logdir {logs}", overflow="fold"))


def describe_run(summary: Mapping[str, Any]) -> str:
    """One line on a run of a sweep."""
    if summary["status"] == "failed":
        return f"failed: {summary['error']}"
    test, flow = _judged(summary)[1], summary["flow"].get("vanishing_index_start")
    said = [_status(summary), *(f"{name} {_spread(value)}" for name, value in test.items())]
    if flow:
        said.append(f"vanishing index {_spread(flow)}")
    return ", ".join(said)


def print_ranking(out: Console, runs: Sequence[Mapping[str, Any]]) -> None:
    """Rank the runs of a sweep by their headline metric, failed ones last.

    Args:
        out: where to.
        runs: their summaries.
    """
    headline = next((name for s in runs if (name := _headline(s))), None)
    names = labels([summary["overrides"] for summary in runs])
    table = titled_table(out, "Ranking (± 95 % interval over seeds; start → end of training)")
    table.add_column("", justify="right")
    table.add_column("run", overflow="fold")
    table.add_column(headline or "metric", justify="right")
    table.add_column("vanishing index", justify="right")
    table.add_column("decay rate", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("status")
    for place, (name, summary) in enumerate(sorted(zip(names, runs, strict=True), key=_order), 1):
        has_result = _order((name, summary))[0] == 0
        judged = _judged(summary)[1].get(headline or "")
        flow = summary["flow"]
        arrows = [
            _arrow([_mean(flow, f"{number}_start"), _mean(flow, f"{number}_end")], _signed)
            for number in ("vanishing_index", "decay_rate")
        ]
        seconds = summary["wall_seconds"]
        table.add_row(
            str(place) if has_result else "",
            Text(name),
            _spread(judged) if judged else "–",
            *arrows,
            "–" if seconds is None else f"{seconds:.1f}",
            Text(_status(summary)),
        )
    out.print(table)


def labels(overrides: Sequence[Sequence[str]]) -> list[str]:
    """What sets each run of a sweep apart from the others.

    Args:
        overrides: of each run.

    Returns:
        Those of its overrides that not all runs share.

    >>> labels([["activation=relu", "seed=1"], ["activation=tanh", "seed=1"]])
    ['activation=relu', 'activation=tanh']
    """
    shared = set.intersection(*map(set, overrides)) if len(overrides) > 1 else set()
    return [" ".join(o for o in run if o not in shared) or "defaults" for run in overrides]


def titled_table(out: Console, title: str) -> Table:
    """An empty table, drawn with lines on a terminal and in plain characters elsewhere."""
    style = box.SIMPLE_HEAD if out.is_terminal else box.ASCII2
    return Table(title=title, title_justify="left", title_style="bold", box=style)


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
    finite = [pl.col(name).filter(pl.col(name).is_finite()).mean() for name in shown]
    means = layers.group_by("layer", "fan_in", "fan_out", "step").agg(finite)
    for (layer, fan_in, fan_out), rows in means.sort("layer").group_by(
        ["layer", "fan_in", "fan_out"], maintain_order=True
    ):
        ends = [rows.filter(pl.col("step") == step) for step in (first, last)]
        cells = [
            _arrow([end[name][0] for end in ends], _percent if _COLUMNS[name][1] else _scientific)
            for name in shown
        ]
        table.add_row(str(layer), f"{fan_in} → {fan_out}", *cells)
    return table


def _metric_table(out: Console, summary: Mapping[str, Any]) -> Table:
    n = max((value["n"] for m in summary["metrics"].values() for value in m.values()), default=0)
    note = f", mean and 95 % interval over {n} seeds" if n > 1 else ", one seed: no interval"
    table = titled_table(out, f"Result{note if n else ''}")
    table.add_column("")
    names = list(dict.fromkeys(name for m in summary["metrics"].values() for name in m))
    for name in names:
        table.add_column(name, justify="right")
    titles = {"final": "after the last epoch", "best": "after the best epoch", "test": "test"}
    for moment, title in titles.items():
        values = summary["metrics"].get(moment)
        if values:
            table.add_row(
                title, *(_spread(values[name]) if name in values else "–" for name in names)
            )
    return table


def _judged(summary: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The metrics that a run is judged by: of the test part, else after the last epoch."""
    metrics = summary["metrics"]
    moment = next((m for m in ("test", "final") if metrics.get(m)), "final")
    return moment, metrics.get(moment, {})


def _headline(summary: Mapping[str, Any]) -> str | None:
    judged = _judged(summary)[1]
    return next((name for name in ("accuracy", "r2", "loss") if name in judged), None)


def _order(run: tuple[str, Mapping[str, Any]]) -> tuple[int, float, str]:
    """Best first; then those that diverged; then those that failed."""
    name, summary = run
    headline = _headline(summary)
    value = _judged(summary)[1][headline]["mean"] if headline else None
    if value is None:
        return 2 if summary["status"] == "failed" else 1, 0.0, name
    return 0, value if headline == "loss" else -value, name


def _status(summary: Mapping[str, Any]) -> str:
    if summary["status"] == "failed":
        return f"failed: {summary['error']}"
    n = sum(replica["status"] == "diverged" for replica in summary["replicas"])
    if n and summary["status"] == "completed":
        return f"completed, {n} of {len(summary['replicas'])} seeds diverged"
    return str(summary["status"])


def _mean(numbers: Mapping[str, Any], name: str) -> Any:
    return numbers.get(name, {}).get("mean")


def _spread(value: Mapping[str, Any]) -> str:
    if value["mean"] is None:
        return "–"
    if value["high"] is None:
        return f"{value['mean']:.4g}"
    return f"{value['mean']:.4g} ± {value['high'] - value['mean']:.2g}"


def _arrow(values: Sequence[float | None], form: Any) -> str:
    if all(value is None for value in values):
        return "–"
    return " → ".join(form(value) for value in values)


def _scientific(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.1e}"


def _percent(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.0f}%"


def _signed(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.2f}"
