"""HTML of a run and of a comparison, for notebooks."""

import html
from base64 import b64encode
from collections.abc import Iterable, Sequence

from matplotlib.figure import Figure

from deltaflow.comparison.comparison import Comparison
from deltaflow.comparison.configurations.ranked_configuration import RankedConfiguration
from deltaflow.figures.looks import encoded
from deltaflow.records import Summary
from deltaflow.terminal.numbers import spread
from deltaflow.terminal.run import metric_cells

_MAX_ROWS = 20  # rows of the ranking


def run_html(title: str, record: Summary, picture: Figure | None) -> str:
    """HTML with the verdicts, the metrics and the picture of a run.

    Args:
        title: title of the run.
        record: the run's summary.
        picture: the picture of the flow; ``None`` if no flow was recorded.
    """
    said = [verdict.words for verdict in record.verdicts] or [record.error or record.status]
    names = list(dict.fromkeys(name for m in record.metrics.values() for name in m))
    parts = [_lines(said), f"<p>{html.escape(title)}</p>"]
    if names:
        parts.append(_table(["rows, epoch", *names], metric_cells(record, names)))
    if picture is not None:
        image = b64encode(encoded(picture, "png")).decode()
        parts.append(f'<img alt="the flow of δ" src="data:image/png;base64,{image}">')
    return "\n".join(parts)


def comparison_html(comparison: Comparison) -> str:
    """HTML with the headline and the ranking of a comparison."""
    name, moment = comparison.metric.name, comparison.metric.moment
    heads = ["", "configuration", f"{moment} {name}", "vanishing index, start", "verdicts"]
    rows = [_ranked(place, one, name) for place, one in enumerate(comparison.ranking, start=1)]
    parts = [_lines(comparison.headline), f"<p>{html.escape(comparison.sentence)}</p>",
             _table(heads, rows[:_MAX_ROWS])]  # fmt: skip
    if len(rows) > _MAX_ROWS:
        parts.append(f"<p>… and {len(rows) - _MAX_ROWS} more.</p>")
    return "\n".join(parts)


def _ranked(place: int, one: RankedConfiguration, metric: str) -> list[str]:
    kinds = dict.fromkeys(finding.kind.replace("_", " ") for finding in one.findings)
    ending = [] if one.status == "completed" else [one.status]
    return [
        str(place), one.label or one.name, spread(one.numbers[metric]),
        spread(one.numbers["vanishing_index_start"]), ", ".join([*ending, *kinds]),
    ]  # fmt: skip


def _lines(said: Sequence[str]) -> str:
    first, *rest = map(html.escape, said)
    return "".join([f"<p><b>{first}</b></p>", *(f"<p>{line}</p>" for line in rest)])


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
