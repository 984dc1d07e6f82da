"""Verdicts on networks whose fault is known: which are named, and does the advice help?

    python scripts/verdict_accuracy.py draws=[2] format=markdown

Every network of verdict_accuracy is trained and judged; then again with what its first
finding says to try. Settings, with their defaults:

    draws=[0]        which networks; each number is another set of them
    per_kind=4       networks of each kind of fault; four times as many healthy ones
    advice=true      try what the findings say
    format=table     or markdown
"""

import tempfile
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from deltaflow.config.composition import compose_run, split_settings
from deltaflow.config.messages import command
from deltaflow.experiment.run import run
from deltaflow.system.errors import UserError
from deltaflow.terminal.screen import console
from verdict_accuracy import LabelledRun, labelled_runs

_WHOLE = ("init", "activation", "network")  # groups whose values go when the option does


@dataclass(frozen=True)
class Settings:
    """The trial's settings, as on the command line."""

    draws: list[int] = field(default_factory=lambda: [0])
    per_kind: int = 4
    advice: bool = True
    format: str = "table"


@dataclass(frozen=True)
class Judged:
    """A network and what was found.

    Attributes:
        label: the fault that was put there.
        verdicts: that were given, as in the summary.
        cured: whether the advice of the first made its kind go away; ``None`` if not tried.
    """

    label: str
    verdicts: list[Mapping[str, Any]]
    cured: bool | None = None

    @property
    def first(self) -> str:
        """The kind of the first verdict."""
        return str(self.verdicts[0]["kind"]) if self.verdicts else "nothing"


@command
def main(arguments: Sequence[str]) -> None:
    """Train, judge and report; the exit status is 0 only if every verdict is right."""
    settings, rest = split_settings(arguments, Settings, "A trial")
    _check(settings, rest)
    judged = [
        judge(run, settings.advice)
        for draw in settings.draws
        for run in track(
            labelled_runs(draw, settings.per_kind), f"Draw {draw}", console=console(stderr=True)
        )
    ]
    show(console(), judged, markdown=settings.format == "markdown")
    if any(case.first != case.label for case in judged):
        raise SystemExit(1)


def judge(run: LabelledRun, with_advice: bool = False) -> Judged:
    """Train a network and see what is found.

    Args:
        run: the network.
        with_advice: train it again as the first finding advises.

    Returns:
        What was found.
    """
    verdicts = _verdicts(run.overrides)
    if not with_advice or not verdicts or verdicts[0]["kind"] == "healthy":
        return Judged(run.kind, verdicts)
    again = _verdicts(advised(run.overrides, verdicts[0]["overrides"]))
    cured = verdicts[0]["kind"] not in {verdict["kind"] for verdict in again}
    return Judged(run.kind, verdicts, cured)


def advised(overrides: Mapping[str, str], advice: Sequence[str]) -> dict[str, str]:
    """The overrides of a run changed as a finding says.

    Args:
        overrides: by key.
        advice: overrides to try.

    Returns:
        Overrides; those of an option that was replaced are gone.

    >>> advice = ["activation=tanh", "init=xavier"]
    >>> advised({"activation": "relu", "init": "normal", "init.sigma_w": "1.0"}, advice)
    {'activation': 'tanh', 'init': 'xavier'}
    """
    changes = dict(override.split("=", 1) for override in advice)
    gone = tuple(f"{group}." for group in _WHOLE if group in changes)
    sizes = {"network.depth", "network.width"} & set(changes)
    kept = {
        key: value
        for key, value in overrides.items()
        if not key.removeprefix("+").startswith(gone)
        and not (sizes and key == "network.hidden_sizes")
    }
    return kept | changes


def show(out: Console, judged: Sequence[Judged], markdown: bool = False) -> None:
    """Print the confusion matrix, then an example of each finding.

    Args:
        out: where to.
        judged: the networks.
        markdown: as tables for a document.
    """
    kinds = list(dict.fromkeys(case.label for case in judged))
    columns = kinds + sorted({case.first for case in judged} - set(kinds))
    counts = Counter((case.label, case.first) for case in judged)
    style = box.MARKDOWN if markdown else box.ASCII2
    matrix = Table(box=style)
    matrix.add_column("fault")
    for number, _ in enumerate(columns, start=1):
        matrix.add_column(str(number), justify="right")
    matrix.add_column("advice helps", justify="right")
    for number, kind in enumerate(columns, start=1):
        cells = [str(counts[kind, found] or "·") for found in columns]
        tried = [case.cured for case in judged if case.label == kind and case.cured is not None]
        helped = f"{sum(tried)} of {len(tried)}" if tried else "–"
        matrix.add_row(f"{number} {kind}", *cells, helped)
    right = sum(case.first == case.label for case in judged)
    out.print(f"{right} of {len(judged)} networks have their own fault as the first finding.\n")
    out.print(matrix)
    out.print()
    for kind in kinds:
        example = next(case for case in judged if case.label == kind)
        words = example.verdicts[0]["words"] if example.verdicts else "–"
        out.print(Text(f"- {kind}: {words}"), soft_wrap=markdown)


def _verdicts(overrides: Mapping[str, str]) -> list[Mapping[str, Any]]:
    typed = [*(f"{key}={value}" for key, value in overrides.items()), "logger=none"]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a doubled softmax warns, as it should
        config, choices = compose_run(typed, Path(folder))
        summary = run(config, Path(folder) / "run", choices).summary
        found: list[Mapping[str, Any]] = summary["verdicts"]
    return found


def _check(settings: Settings, rest: Sequence[str]) -> None:
    if rest:
        raise UserError(
            f"A trial takes draws, per_kind, advice and format. Found `{rest[0]}`. "
            "Leave it out: the networks are given."
        )
    if settings.per_kind < 1 or not settings.draws or min(settings.draws) < 0:
        raise UserError(
            f"`draws` must list numbers of at least 0, and `per_kind` be at least 1. Found "
            f"{settings.draws} and {settings.per_kind}. Use `draws=[0] per_kind=4`."
        )
    if settings.format not in ("table", "markdown"):
        raise UserError(
            f"`format` must be table or markdown. Found {settings.format}. Use `format=table`."
        )
