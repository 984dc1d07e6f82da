"""Raises an error for findings of chosen kinds, as for a test of a model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deltaflow.system.errors import UserError

if TYPE_CHECKING:
    from deltaflow.experiment.result import Run


class FindingError(UserError):
    """A watched training has a finding of a kind in ``fail_on``."""


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
