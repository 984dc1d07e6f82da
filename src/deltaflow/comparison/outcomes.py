"""How one run came out, from its summary alone."""

from collections.abc import Mapping

from deltaflow.records import Interval, Summary


def headline_metrics(summary: Summary) -> Mapping[str, Interval]:
    """The metrics that a run is judged by: of the test part, else after the last epoch."""
    return summary.metrics.get("test") or summary.metrics.get("final") or {}


def headline(summary: Summary) -> str:
    """The headline metric of a run, or how it ended if it did not complete."""
    metrics = headline_metrics(summary)
    headline = next((name for name in ("accuracy", "r2", "loss") if name in metrics), None)
    value = metrics[headline].mean if headline else None
    if summary.status != "completed" or value is None:
        return summary.status
    return f"{headline} {value:.3g}"
