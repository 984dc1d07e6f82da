"""What claims came to, for people: ``claims.md``."""

import math
from collections.abc import Mapping

from claims.claim import Measure, Role
from claims.results import Result
from claims.verdict import FEWEST, Finding, counted

FILE = "claims.md"
_ROLES = {Role.CLAIMED: "Measured", Role.PREMISE: "Premise", Role.BESIDE: "Not judged"}
FLAGS = {"full": " --full", "quick": ""}
_INTRODUCTION = {
    "full": "This is the full setting: the presets as they stand in "
    "[conf/experiment/claims](../conf/experiment/claims).",
    "quick": "**This is the quick setting**: fewer seeds, epochs or values than the presets in "
    "conf/experiment/claims have. Its verdicts are a first look; `--full` has the measured ones.",
}
_RULE = f"""\
## The rule

Under each condition a claim is **shown** if the whole interval of the number lies where the claim
says, **refuted** if the whole interval lies elsewhere, and else **not shown**: more seeds might
decide it. The limit follows from the words of the claim, and stands beside it below. A claim
**holds** if it is shown under all conditions, and **holds when** the conditions are those under
which it is shown; it is **refuted** if it is refuted under all of them, and **not shown** if it is
shown under none. A claim that something *can* happen holds if it is shown under one condition.

A condition counts only where the claim has something to say, which is its premise: that leaky ReLU
avoids dead units is tried where ReLU has many. What is true by definition is not counted.

Intervals are Student's t over seeds, unless a claim says otherwise, of differences or ratios that
are paired: equal seeds share their first weights, as far as these have the same shapes, and the
order of their batches. All intervals of one claim together cover what they estimate with 95 %
(Bonferroni), since «holds when» picks some conditions out of many. n counts the values; seeds that
diverged are left out, and fewer than {FEWEST} values show nothing. Deep networks may amplify
rounding, until a seed's number is one of the machine: claims on deep networks are measured in
float64 too, and each interval is widened by how far the seeds' numbers differ (RMS), which is said
where it is more than a tenth of it. No interval covers another data set, and none but those of
claim E another split: a verdict is one on these networks and these data."""


def markdown(results: Mapping[str, Result], setting: str) -> str:
    """A table of all claims, then a section for each."""
    ordered = [one for _, one in sorted(results.items())]
    table = ["| | claim | measured: lowest to highest condition | verdict |", "|---|---|---|---|"]
    for one in ordered:
        claim = one.claim
        judged = [i for i, own in enumerate(claim.measures) if own.role == Role.CLAIMED]
        ranges = "<br>".join(f"{'• ' * (len(judged) > 1)}{_range(one, i)}" for i in judged)
        link = f"[{claim.letter}](#{claim.letter.lower()}-{claim.name})"
        table.append(f"| {link} | {claim.sentence} | {ranges} | {one.verdict} |")
    parts = [
        "# Claims, measured",
        "What is often said of activations, losses and depth, each put to the test by a sweep. "
        f"Made by `python scripts/claims.py{FLAGS[setting]}`; [claims.json](claims.json) has the "
        "same for machines.",
        _INTRODUCTION[setting],
        "\n".join(table),
        _RULE,
        *(_section(one, setting) for one in ordered),
    ]
    return "\n\n".join(parts) + "\n"


def _section(result: Result, setting: str) -> str:
    claim, flag = result.claim, FLAGS[setting]
    overrides = list(claim.quick) if setting == "quick" else []
    sweep = " ".join(["python train.py -m", f"experiment=claims/{claim.name}", *overrides])
    parts = [
        f"## {claim.letter} {claim.name}",
        claim.sentence,
        *(_table(result, place, measure) for place, measure in enumerate(claim.measures)),
        claim.remark,
        f"**Verdict**: {result.verdict}.",
        f"```bash\n{sweep}\npython scripts/claims.py {claim.letter}{flag}\n```",
        f"The first command makes the runs, the second this section. {result.n_runs} runs of "
        f"{result.n_seeds} seeds each, {result.seconds:.0f} s on {result.device}, torch "
        f"{result.versions['torch']}, intervals over {claim.over}.",
    ]
    return "\n\n".join(part for part in parts if part)


def _table(result: Result, place: int, measure: Measure) -> str:
    """What a measure is, and its number under each condition."""
    judged = counted(result.claim, result.findings)
    role = f"{_ROLES[measure.role]} ({measure.part})" if measure.part else _ROLES[measure.role]
    unit = measure.unit and f" {measure.unit}"
    limit = "" if measure.role == Role.BESIDE else f" As claimed if {_limit(measure)}{unit}."
    rows = [
        "| condition | number | n | as claimed |",
        "|---|---|---|---|",
        *(
            f"| {', '.join(one.condition)} | {_number(result, one)} | {one.n} | {answer} |"
            for one in result.findings
            if one.measure == place
            for judges in [one in judged or measure.role == Role.PREMISE]
            for answer in [one.answer(result.claim, len(result.findings)) if judges else "–"]
        ),
    ]
    return f"{role}: {measure.what}.{limit} {measure.why}\n\n" + "\n".join(rows)


def _limit(measure: Measure) -> str:
    if math.isinf(measure.above):
        return f"below {measure.below:g}"
    return (
        f"above {measure.above:g}"
        if math.isinf(measure.below)
        else f"between {measure.above:g} and {measure.below:g}"
    )


def _range(result: Result, place: int) -> str:
    """What a measure is, and its lowest and highest number."""
    found = [one for one in result.findings if one.measure == place and one.mean is not None]
    found.sort(key=lambda one: one.mean or 0)
    ends = [found[0], found[-1]] if len(found) > 1 else found
    numbers = [f"**{_number(result, one)}** ({', '.join(one.condition)})" for one in ends]
    what = result.claim.measures[place].what.replace("|", "\\|")
    return f"{what}: {' to '.join(numbers) or '–'}"


def _number(result: Result, finding: Finding) -> str:
    """A number with its interval and unit."""
    half = finding.half_width(len(result.findings))
    if finding.mean is None or half is None:
        return "–"
    unit = f" {result.claim.measures[finding.measure].unit}".rstrip()
    mean = f"{round(finding.mean, 9) + 0.0:.4g}"
    if half == 0:
        return f"{mean}{unit}, all {finding.n} alike"
    share = f" ({finding.rounding:.2g} by rounding)" if finding.rounding > half / 10 else ""
    return f"{mean} ± {half:.2g}{unit}{share}"
