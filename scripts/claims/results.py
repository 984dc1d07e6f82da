"""What claims came to, kept as ``claims.json``: an entry per claim, renewed one at a time."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from claims.claim import Claim, Role, all_claims
from claims.verdict import Finding, Verdict, judge
from deltaflow import UserError

FILE = "claims.json"


@dataclass(frozen=True)
class Result:
    """What a claim came to, and how that was measured.

    Attributes:
        letter: of the claim.
        findings: its numbers, from which the verdict follows.
        n_runs: how many runs the sweep has.
        n_seeds: of each run.
        seconds: of all runs together.
        started: when the last run began.
        device: of the runs.
        versions: of the libraries by name.
    """

    letter: str
    findings: tuple[Finding, ...]
    n_runs: int
    n_seeds: int
    seconds: float
    started: str
    device: str
    versions: Mapping[str, str | None]

    @property
    def claim(self) -> Claim:
        """The claim as it stands."""
        return all_claims()[self.letter]

    @property
    def verdict(self) -> Verdict:
        """The verdict on it."""
        return judge(self.claim, self.findings)


def read(folder: Path, setting: str) -> dict[str, Result]:
    """The results that a folder holds, by letter; none if there is no file.

    Raises:
        UserError: if the file is something else, or of the other setting.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        found, results = stored["setting"], [_result(own) for own in stored["claims"]]
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path} must be what this command writes. Found something else. Delete it, or name "
            "another folder with `--output`."
        ) from error
    if found != setting:
        raise UserError(
            f"A folder holds the results of one setting. Found those of the {found} one in {path}. "
            "Name another folder with `--output`."
        )
    return {result.letter: result for result in results}


def as_json(results: Mapping[str, Result], setting: str) -> str:
    """Results in the order of their letters, each with what follows from its numbers."""
    claims = []
    for _, one in sorted(results.items()):
        claim, n = one.claim, len(one.findings)
        findings = [
            {
                **asdict(finding),
                "what": measure.what,
                "half_width": finding.half_width(n),
                "answer": None if measure.role == Role.BESIDE else finding.answer(claim, n),
            }
            for finding in one.findings
            for measure in [claim.measures[finding.measure]]
        ]
        said = {"name": claim.name, "claim": claim.sentence, "verdict": str(one.verdict)}
        claims.append(said | asdict(one) | {"findings": findings})
    content = {"setting": setting, "claims": claims}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _result(own: Mapping[str, Any]) -> Result:
    names, of_finding = ([field.name for field in fields(kind)] for kind in (Result, Finding))
    findings = tuple(
        Finding(**{name: one[name] for name in of_finding} | {"condition": tuple(one["condition"])})
        for one in own["findings"]
    )
    return Result(**{name: own[name] for name in names} | {"findings": findings})
