"""What a sweep says in the terminal: a line per run, and the ranking of all."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from deltaflow.report.screen import arrow, signed, spread, titled_table


def describe_run(summary: Mapping[str, Any]) -> str:
    """One line on a run of a sweep."""
    if summary["status"] == "failed":
        return f"failed: {summary['error']}"
    test, flow = _judged(summary)[1], summary["flow"].get("vanishing_index_start")
    said = [_status(summary), *(f"{name} {spread(value)}" for name, value in test.items())]
    if flow:
        said.append(f"vanishing index {spread(flow)}")
    return ", ".join(said)


def outcome(summary: Mapping[str, Any]) -> str:
    """The headline metric of a run, or how it ended if it did not complete."""
    headline = _headline(summary)
    value = _judged(summary)[1][headline]["mean"] if headline else None
    if summary["status"] != "completed" or value is None:
        return str(summary["status"])
    return f"{headline} {value:.3g}"


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
    ranked = sorted(zip(names, runs, strict=True), key=_order)
    for place, (name, summary) in enumerate(ranked, start=1):
        has_result = _order((name, summary))[0] == 0
        judged = _judged(summary)[1].get(headline or "")
        flow = summary["flow"]
        arrows = [
            arrow([_mean(flow, f"{number}_start"), _mean(flow, f"{number}_end")], signed)
            for number in ("vanishing_index", "decay_rate")
        ]
        seconds = summary["wall_seconds"]
        table.add_row(
            str(place) if has_result else "",
            Text(name),
            spread(judged) if judged else "–",
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
