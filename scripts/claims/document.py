"""What claims came to, for people: ``claims.md``, all of it from ``claims.json``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from claims.claim import Bound
from claims.ruling import FEWEST
from deltaflow.records import Interval
from deltaflow.system.files import replace_file
from deltaflow.terminal.screen import spread

DOCUMENT = "claims.md"
_SETTING = {
    "full": "This is the full setting: the presets as they stand in "
    "[conf/experiment/claims](../conf/experiment/claims).",
    "quick": "**This is the quick setting**: fewer seeds, epochs or values than the presets in "
    "conf/experiment/claims have. Its verdicts are a first look; `setting=full` has the measured "
    "ones.",
}
_RULE = f"""\
A condition is met if the whole interval of its number lies where the claim says; that limit follows
from what the words of the claim mean, and stands beside it below. If all conditions are met, the
claim **holds**; if none is, it **does not hold**; else it **holds when** the conditions are those
that are met. Some claims rest on a premise; if that fails, the claim does not hold. «No» is a
condition that is shown not to be met; «open» one whose interval reaches over the limit: it is not
shown, and counts as little, but more seeds might decide it.

Intervals are Student's t over seeds, unless a claim says otherwise, of differences or ratios that
are paired: equal seeds share their first weights, as far as these have the same shapes, and the
order of their batches. They are wider than 95 %: all intervals of one claim together cover what
they estimate with 95 % (Bonferroni), since «holds when» picks some conditions out of many. n counts
the values; seeds that diverged are left out, and fewer than {FEWEST} values meet no condition. No
interval covers another data set, and none but those of claim E another split: a verdict is one on
these networks and these data.
"""


def write(ledger: Mapping[str, Any], directory: Path) -> None:
    """Write ``claims.md`` in one go."""
    content = markdown(ledger).encode()
    directory.mkdir(parents=True, exist_ok=True)
    replace_file(directory / DOCUMENT, content)


def markdown(ledger: Mapping[str, Any]) -> str:
    """A ledger as a document: a table of all claims, then a section for each.

    Args:
        ledger: as read from ``claims.json``.

    Returns:
        Markdown.
    """
    setting = ledger["setting"]
    rows = [
        f"| {link} | {own['claim']} | {_ranges(own)} | {own['verdict']} |"
        for own in ledger["claims"]
        for link in [f"[{own['letter']}](#{_anchor(own)})"]
    ]
    table = ["| | claim | measured: lowest to highest condition | verdict |",
             "|---|---|---|---|", *rows]  # fmt: skip
    again = f"python scripts/claims.py setting={setting}"
    parts = [
        "# Claims, measured",
        "What is often said of activations, losses and depth, each put to the test by a sweep. "
        "Made by "
        f"`{again}`; [claims.json](claims.json) has the same for machines.",
        _SETTING[setting],
        "\n".join(table),
        "## The rule",
        _RULE.strip(),
        *(part for own in ledger["claims"] for part in _section(own)),
    ]
    return "\n\n".join(parts) + "\n"


def _section(own: Mapping[str, Any]) -> list[str]:
    tables = [part for place in range(len(own["measures"])) for part in _measure(own, place)]
    runs = (
        f"{own['runs']} runs of {own['seeds']} seeds each, {own['seconds']:.0f} s on "
        f"{own['device']}, torch {own['versions']['torch']}, intervals over {own['over']}."
    )
    return [
        f"## {_title(own)}",
        own["claim"],
        *tables,
        *([own["remark"]] if own["remark"] else []),
        f"**Verdict**: {own['verdict']}.",
        f"```bash\n{own['command']}\n{own['again']}\n```",
        f"The first command makes the runs, the second this section. {runs}",
    ]


def _measure(own: Mapping[str, Any], place: int) -> list[str]:
    measure = own["measures"][place]
    bound, unit = Bound(measure["above"], measure["below"]), measure["unit"]
    role = "Premise" if measure["premise"] else "Measured"
    when = f", when {measure['part']}" if measure["part"] else ""
    rule = f"{role}{when}: {measure['what']}. As claimed if {bound}{f' {unit}' if unit else ''}: "
    rows = [
        f"| {', '.join(f['condition'])} | {_number(f, unit)} | {f['n']} | {f['answer']} |"
        for f in own["findings"]
        if f["measure"] == place
    ]
    header = ["| condition | number | n | as claimed |", "|---|---|---|---|"]
    why = measure["why"]
    return [rule + why[0].lower() + why[1:], "\n".join([*header, *rows])]


def _ranges(own: Mapping[str, Any]) -> str:
    """What was measured, and the lowest and the highest number, of all that is no premise."""
    measures = enumerate(own["measures"])
    found = [_range(own, place) for place, measure in measures if not measure["premise"]]
    return "<br>".join(f"{'• ' * (len(found) > 1)}{one}" for one in found)


def _range(own: Mapping[str, Any], place: int) -> str:
    measure = own["measures"][place]
    what, unit = measure["what"].replace("|", "\\|"), measure["unit"]
    found: Sequence[Mapping[str, Any]] = [
        f for f in own["findings"] if f["measure"] == place and f["mean"] is not None
    ]
    ordered = sorted(found, key=lambda finding: float(finding["mean"]))
    ends = [ordered[0], ordered[-1]] if len(ordered) > 1 else ordered
    numbers = [f"**{_number(f, unit)}** ({', '.join(f['condition'])})" for f in ends]
    return f"{what}: {' to '.join(numbers) or '–'}"


def _number(finding: Mapping[str, Any], unit: str) -> str:
    number = spread(Interval(finding["mean"], finding["low"], finding["high"], 0))
    return f"{number} {unit}" if unit and number != "–" else number


def _title(own: Mapping[str, Any]) -> str:
    return f"{own['letter']} {own['name']}"


def _anchor(own: Mapping[str, Any]) -> str:
    """The heading's anchor, as GitHub makes it."""
    return _title(own).lower().replace(" ", "-")
