"""Findings that shall end a program, for a test that holds a model to a standard."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deltaflow.system.errors import UserError

if TYPE_CHECKING:
    from deltaflow.experiment.result import Run


class FindingError(UserError):
    """A watched training has a finding of a kind that was to end the program."""


def require_none(run: "Run", kinds: Sequence[str]) -> None:
    """Raise if a run has a finding of one of the kinds.

    Raises:
        FindingError: for the first of them.
    """
    for verdict in run.record.verdicts:
        if verdict.kind in kinds:
            raise FindingError(
                f"The training must be without {', '.join(kinds)}. Found: {verdict.words} "
                f"The records are in {run.directory}."
            )
