"""Raises an error for findings of chosen kinds, as for a test of a model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal
from deltaflow.watching.verdicts.words import KINDS

if TYPE_CHECKING:
    from deltaflow.experiment.results.result import Run


class FindingError(UserError):
    """A watched training has a finding of a kind in ``fail_on``."""


def check_kinds(kinds: Sequence[str], *others: str) -> None:
    """Refuse kinds that no finding has: a misspelt one would never fail.

    Args:
        kinds: the chosen kinds.
        others: words that are allowed as well.

    Raises:
        ValueError: for the first such kind, or a text instead of a list.
    """
    known = [*others, *KINDS]
    wrong = [kind for kind in kinds if kind not in known]
    if isinstance(kinds, str) or wrong:
        found = literal(str(kinds if isinstance(kinds, str) else wrong[0]))
        raise UserError(
            f"Findings to fail on must be a list of kinds: {', '.join(known)}. Found `{found}`. "
            "Use `vanishing`, for example."
        )


def raise_for_findings(run: "Run", kinds: Sequence[str]) -> None:
    """Raise an error if a run has a finding of one of the kinds.

    Raises:
        FindingError: for the first such finding.
    """
    for verdict in run.record.verdicts:
        if verdict.kind in kinds:
            raise FindingError(
                f"The training must be without {', '.join(kinds)}. Found: {verdict.words} "
                f"The records are in {run.directory}."
            )
