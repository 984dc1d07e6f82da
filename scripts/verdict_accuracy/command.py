"""Verdicts on networks whose fault is known: which are named, and does the advice help?

    python scripts/verdict_accuracy.py draws=[2] format=markdown

Every network of verdict_accuracy is trained and judged; then again with what its first
finding says to try, and so on until it learns. Settings, with their defaults:

    draws=[0]        which networks; each number is another set of them
    per_recipe=2     networks of each recipe
    recipes=[]       only these, by name; all if empty
    advice=true      try what the findings say
    format=table     or markdown
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from deltaflow.config.composition.runs import split_settings
from deltaflow.config.messages import entry_point
from deltaflow.system.errors import UserError
from deltaflow.terminal.screen import console
from verdict_accuracy import RECIPES, networks
from verdict_accuracy.judging import Judged, judge


@dataclass(frozen=True)
class Settings:
    """The trial's settings, as on the command line."""

    draws: list[int] = field(default_factory=lambda: [0])
    per_recipe: int = 2
    recipes: list[str] = field(default_factory=list)
    advice: bool = True
    format: str = "table"


@entry_point
def main(arguments: Sequence[str]) -> None:
    """Train, judge and report; the exit status is 0 only if every verdict is right."""
    settings, rest = split_settings(arguments, Settings, "A trial")
    _check(settings, rest)
    chosen = [r for r in RECIPES if not settings.recipes or r.name in settings.recipes]
    judged = [
        judge(network, settings.advice)
        for draw in settings.draws
        for network in track(
            networks(draw, settings.per_recipe, chosen), f"Draw {draw}",
            console=console(stderr=True),
        )
    ]  # fmt: skip
    show(console(), judged, settings.advice, markdown=settings.format == "markdown")
    if not all(case.is_right for case in judged):
        raise SystemExit(1)


def show(
    out: Console, judged: Sequence[Judged], with_advice: bool = True, markdown: bool = False
) -> None:
    """Print a summary, and a row for each recipe.

    Args:
        out: the console to print on.
        judged: the networks with their findings.
        with_advice: whether the advice of the findings was tried.
        markdown: whether to print the table in Markdown.
    """
    faulty = [case for case in judged if not case.network.recipe.is_healthy]
    sound = [case for case in judged if case.network.recipe.is_healthy]
    helped = [case for case in faulty if case.is_helped]
    table = Table(box=box.MARKDOWN if markdown else box.ASCII2)
    for heading in ("networks", "first finding right", "advice helps", "found instead"):
        table.add_column(heading, justify="left" if heading[0] == "f" else "right")
    for recipe in dict.fromkeys(case.network.recipe for case in judged):
        cases = [case for case in judged if case.network.recipe == recipe]
        wrong = [case.before.kind for case in cases if not case.is_right]
        table.add_row(
            recipe.name,
            f"{len(cases) - len(wrong)} of {len(cases)}",
            "–"
            if recipe.is_healthy or not with_advice
            else f"{sum(c.is_helped for c in cases)} of {len(cases)}",
            ", ".join(dict.fromkeys(wrong)),
        )
    tried = (
        f"advice helps {len(helped)} of {len(faulty)}, the first one alone "
        f"{sum(case.is_helped_at_once for case in faulty)}; "
        if with_advice
        else ""
    )
    out.print(
        f"{sum(case.is_right for case in faulty)} of {len(faulty)} faults are the first finding; "
        f"{tried}"
        f"{sum(case.is_right for case in sound)} of {len(sound)} healthy networks have none.\n"
    )
    out.print(table)


def _check(settings: Settings, rest: Sequence[str]) -> None:
    if rest:
        raise UserError(
            f"A trial takes draws, per_recipe, recipes, advice and format. Found `{rest[0]}`. "
            "Leave it out: the networks are given."
        )
    if settings.per_recipe < 1 or not settings.draws or min(settings.draws) < 0:
        raise UserError(
            f"`draws` must list numbers of at least 0, and `per_recipe` be at least 1. Found "
            f"{settings.draws} and {settings.per_recipe}. Use `draws=[0] per_recipe=2`."
        )
    names = [recipe.name for recipe in RECIPES]
    if unknown := [name for name in settings.recipes if name not in names]:
        raise UserError(
            f"`recipes` must be of {', '.join(names)}. Found {unknown[0]}. Leave it out for all."
        )
    if settings.format not in ("table", "markdown"):
        raise UserError(
            f"`format` must be table or markdown. Found {settings.format}. Use `format=table`."
        )
