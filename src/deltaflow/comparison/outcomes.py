"""How one run came out, from its summary alone."""

from collections.abc import Mapping
from typing import Any


def headline_metrics(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metrics that a run is judged by: of the test part, else after the last epoch."""
    metrics: Mapping[str, Any] = summary["metrics"]
    found: Mapping[str, Any] = metrics.get("test") or metrics.get("final") or {}
    return found


def headline(summary: Mapping[str, Any]) -> str:
    """The headline metric of a run, or how it ended if it did not complete."""
    metrics = headline_metrics(summary)
    headline = next((name for name in ("accuracy", "r2", "loss") if name in metrics), None)
    value = metrics[headline]["mean"] if headline else None
    if summary["status"] != "completed" or value is None:
        return str(summary["status"])
    return f"{headline} {value:.3g}"
