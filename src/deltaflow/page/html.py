"""Writes the page of a report as one HTML file that needs nothing else.

Its strings come from users' configurations and are never treated as markup: they are stored as
JSON that cannot end a script element, and the page turns them into text nodes. A content security
policy allows only scripts and styles with the listed hashes and no requests, so that even a
mistake here could not load or send anything.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from deltaflow.comparison.comparison import Comparison
from deltaflow.page.content import content
from deltaflow.system.errors import UserError
from deltaflow.system.files import replace_file

SCRIPTS = (  # in reading order
    "text", "theme", "looks", "scales", "view", "filters", "columns", "ranking", "matrix",
    "charts", "marks", "profiles", "heatmaps", "curves", "confusion", "decay", "effects", "details",
    "report",
)  # fmt: skip
STYLES = ("report", "controls", "tables", "matrices", "figures", "runs", "print")
DETAIL = (
    "command",
    "config",
    "profile",
    "heatmap",
    "curves",
    "confusion",
    "results",
)  # fields of a configuration that scripts parse only when they are shown
_NO_NOTE = "There is nothing to note."
_FORBIDDEN = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def write_page(comparison: Comparison, path: Path) -> None:
    """Write the page of a report, whole or not at all.

    Raises:
        ValueError: if the comparison holds a number that is not finite.
    """
    text = page(content(comparison))
    replace_file(path, text.encode("utf-8", "replace"))  # a path may hold half a surrogate pair


def page(content: Mapping[str, Any]) -> str:
    """The HTML of a page.

    Args:
        content: the content, from ``deltaflow.page.content``.

    Raises:
        ValueError: if the content holds a number that is not finite.
    """
    from plotly.offline import get_plotlyjs  # slow to import, and only needed here

    style = "\n".join(_asset(f"{name}.css") for name in STYLES)
    early, script = _asset("early.js"), _script()
    plotly = get_plotlyjs()
    listed = [{k: v for k, v in run.items() if k not in DETAIL} for run in content["runs"]]
    details = (
        f'<script type="application/json" id="detail-{int(run["id"])}">'
        f"{_json({name: run[name] for name in DETAIL if name in run})}</script>"
        for run in content["runs"]
    )
    return Template(_asset("template.html")).substitute(
        policy=_policy([early, script, plotly], [style]),
        title=html.escape(content["title"]),
        kind=content["kind"],
        heading=html.escape(content["heading"]),
        headline="".join(f"<li>{_with_terms(said, content)}</li>" for said in content["headline"]),
        sentence=html.escape(content["sentence"]),
        versions=html.escape(content["versions"]),
        notes="".join(f"<li>{_with_code(note)}</li>" for note in content["notes"] or [_NO_NOTE]),
        table=_plain_ranking(content),
        style=style,
        early=early,
        content=_json({**content, "runs": listed}),
        details="\n".join(details),
        script=script,
        plotly=plotly,
        stylings=_stylings(plotly),
    )


def _with_code(note: str) -> str:
    """A note as HTML; text in backticks becomes a ``code`` element."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", html.escape(note))


def _with_terms(said: str, content: Mapping[str, Any]) -> str:
    """A sentence of the headline as HTML; each finding links to its explanation."""
    terms = sorted((html.escape(one["term"]) for one in content["terms"]), key=len, reverse=True)

    def link(found: re.Match[str]) -> str:
        return f'<a href="#term-{found[0].replace(" ", "-")}">{found[0]}</a>'

    return re.sub(rf"\b({'|'.join(terms)})(?= \(\d)", link, _with_code(said))


def _asset(name: str) -> str:
    return (resources.files("deltaflow.page") / "assets" / name).read_text(encoding="utf-8")


def _script() -> str:
    """All scripts of this package, joined in one function scope."""
    parts = "\n".join(_asset(f"{name}.js") for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def _json(value: Any) -> str:
    """JSON for a script element; no string in it can end the element."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise UserError(
            "A page must hold finite numbers, or None. Found one that is not finite. "
            "Make it None where the comparison is made."
        ) from error
    return text.translate(_FORBIDDEN)


def _stylings(plotly: str) -> str:
    """Empty style elements with the ids of the style sheets that plotly.js adds for maps.

    plotly.js adds a style sheet, which the policy forbids, only if no element has its id.
    """
    ids = re.findall(r'document\.getElementById\("([0-9a-f]{64})"\)', plotly)
    return "".join(f'<style id="{name}"></style>' for name in dict.fromkeys(ids))


def _policy(scripts: list[str], styles: list[str]) -> str:
    """The content security policy: the listed scripts and styles, images as data, nothing else."""
    # plotly.js fills an empty style element and sets style attributes in its figures.
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {' '.join(map(_hash, scripts))}",
            f"style-src-elem {' '.join(map(_hash, [*styles, '']))}",
            "style-src-attr 'unsafe-inline'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _plain_ranking(content: Mapping[str, Any]) -> str:
    """The ranking as a plain HTML table, for browsers without JavaScript."""
    metric = content["numbers"][0] if content["numbers"] else {"name": "", "title": "metric"}
    rows = []
    for place, run in enumerate(content["runs"], start=1):
        value = _interval(run["numbers"].get(metric["name"]))
        status = run["status"] + (f": {run['reason']}" if run["reason"] else "")
        cells = (html.escape(text) for text in (str(place), run["label"], value, status))
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    head = "".join(
        f'<th scope="col">{html.escape(name)}</th>'
        for name in ("#", "run", metric["title"], "status")
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _interval(number: Mapping[str, Any] | None) -> str:
    if number is None or number["mean"] is None:
        return "–"
    if number["low"] is None:
        return f"{number['mean']:.4g}"
    return f"{number['mean']:.4g} [{number['low']:.4g}, {number['high']:.4g}]"
