"""The metrics of a run as rows of a table, for terminal, page and notebook."""

from collections.abc import Mapping
from dataclasses import dataclass

from deltaflow.records import Interval, Summary
from deltaflow.system.escaping import brief

_MAX_TARGETS = 24  # targets with a row each


@dataclass(frozen=True)
class MetricRow:
    """Metrics of one part of the data after one epoch, or of the best constant prediction.

    Attributes:
        title: title of the row.
        values: interval of each metric, by name.
    """

    title: str
    values: Mapping[str, Interval]


def metric_rows(summary: Summary) -> list[MetricRow]:
    """The rows of a run: for each part of the data, each target, and the best constant."""
    judged = "validation" if summary.metrics.get("best") else "training"
    best = [r.best_epoch + 1 for r in summary.replicas if r.best_epoch is not None]
    epochs = f" ({min(best)}{f'–{max(best)}' if max(best) > min(best) else ''})" if best else ""
    titles = {
        "final": f"{judged}, last",
        "best": f"validation, best{epochs}",
        "test": "test, last",
    }
    rows = [
        MetricRow(title, values)
        for moment, title in titles.items()
        if (values := summary.metrics.get(moment))
    ]
    rows += _target_rows(summary)
    without_inputs = {
        "accuracy": ("the largest class, always", summary.largest_class),
        "r2": ("the mean, always", 0.0),
    }
    return rows + [
        MetricRow(title, {metric: Interval(value, None, None, 0)})
        for metric, (title, value) in without_inputs.items()
        if value is not None and any(metric in row.values for row in rows)
    ]


def _target_rows(summary: Summary) -> list[MetricRow]:
    """The rows of single targets, if there are several."""
    if summary.fit is None or len(summary.fit.targets) < 2:
        return []
    of = f"{summary.fit.part}: "
    rows = [
        MetricRow(
            of + brief(target.name),
            {
                name: Interval(value, None, None, 0)
                for name, value in (("r2", target.r2), ("rmse", target.rmse))
                if value is not None
            },
        )
        for target in summary.fit.targets[:_MAX_TARGETS]
    ]
    more = len(summary.fit.targets) - len(rows)
    return rows + (
        [MetricRow(f"{of}{more} more targets", {"r2": Interval(None, None, None, 0)})]
        if more
        else []
    )
