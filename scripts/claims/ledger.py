"""What claims came to, for machines: ``claims.json``, an entry per claim, kept as they come."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from claims.claim import Claim
from claims.ruling import Finding, judge, recorded
from deltaflow.comparison.collection import CollectedRun
from deltaflow.system.errors import UserError
from deltaflow.system.files import replace_file

LEDGER = "claims.json"
SETTINGS = ("quick", "full")
_FIELDS = {"letter", "name", "claim", "command", "again", "over", "remark", "measures", "findings",
           "verdict", "runs", "seeds", "seconds", "measured", "device", "versions",
           "commit"}  # fmt: skip


def entry(
    claim: Claim, setting: str, findings: Sequence[Finding], runs: Sequence[CollectedRun]
) -> dict[str, Any]:
    """All that is to be kept of a claim that was measured.

    Args:
        claim: which.
        setting: one of ``SETTINGS``.
        findings: of it.
        runs: that it was measured on.

    Returns:
        In JSON's own types; the verdict follows from the findings and the measures' bounds.
    """
    first = runs[0].summary
    return {
        "letter": claim.letter,
        "name": claim.name,
        "claim": claim.sentence,
        "command": claim.command(claim.overrides(setting)),
        "again": f"python scripts/claims.py claims={claim.letter} setting={setting}",
        "over": claim.over,
        "remark": claim.remark,
        "measures": [
            {
                "what": measure.what,
                "unit": measure.unit,
                "above": measure.bound.low,
                "below": measure.bound.high,
                "why": measure.why,
                "part": measure.part,
                "premise": measure.is_premise,
            }
            for measure in claim.measures
        ],
        "findings": recorded(findings),
        "verdict": str(judge(findings, claim.premises, [m.part for m in claim.measures])),
        "runs": len(runs),
        "seeds": max(len(run.summary.replicas) for run in runs),
        "seconds": round(sum(run.summary.wall_seconds or 0 for run in runs), 1),
        "measured": max(str(run.summary.started) for run in runs),
        "device": first.device,
        "versions": dict(first.versions),
        "commit": first.git_commit,
    }


def read(directory: Path, setting: str) -> dict[str, Any]:
    """The entries that are there already.

    Args:
        directory: that may hold a ledger.
        setting: that it must be of.

    Returns:
        Setting and entries; none if there is no file.

    Raises:
        ValueError: if the file is something else, or of the other setting.
    """
    path = directory / LEDGER
    if not path.exists():
        return {"setting": setting, "claims": []}
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
        whole = all(set(own) == _FIELDS for own in ledger["claims"])
        found = str(ledger["setting"])
    except (ValueError, TypeError, KeyError):
        whole, ledger, found = False, {}, ""
    if not whole or found not in SETTINGS:
        raise UserError(
            f"{path} must be what this command writes. Found something else. Delete it, or name "
            "another folder: `output=…`."
        )
    if found != setting:
        raise UserError(
            f"A folder holds the results of one setting. Found those of `setting={found}` in "
            f"{path}. Name another folder: `output=…`."
        )
    return dict(ledger)


def put(ledger: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """A ledger with an entry added, or put in place of an older one.

    >>> put({"setting": "quick", "claims": [{"letter": "B"}]}, {"letter": "A"})["claims"]
    [{'letter': 'A'}, {'letter': 'B'}]
    """
    others = [own for own in ledger["claims"] if own["letter"] != one["letter"]]
    return {**ledger, "claims": sorted([*others, dict(one)], key=lambda own: own["letter"])}


def write(ledger: Mapping[str, Any], directory: Path) -> None:
    """Write ``claims.json`` in one go."""
    text = json.dumps(ledger, indent=1, ensure_ascii=False, allow_nan=False)
    directory.mkdir(parents=True, exist_ok=True)
    replace_file(directory / LEDGER, f"{text}\n".encode())
