"""A recipe: how a network of one kind is drawn, and what a verdict on it must say."""

from collections.abc import Callable
from dataclasses import dataclass

from verdict_accuracy.draws import Draw, Overrides


@dataclass(frozen=True)
class Recipe:
    """How networks with one fault, or with none, are drawn.

    Attributes:
        name: of the recipe.
        make: the overrides of a network.
        kinds: one of which the first finding has, unless it advises to change one of ``settings``.
        settings: that are at fault.
        is_healthy: whether nothing may be found.
    """

    name: str
    make: Callable[[Draw], Overrides]
    kinds: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    is_healthy: bool = False


def recipe(make: Callable[[Draw], Overrides], kind: str) -> Recipe:
    """A fault that a kind of finding stands for."""
    return Recipe(make.__name__.strip("_"), make, (kind,))


def of_setting(
    make: Callable[[Draw], Overrides], *settings: str, kinds: tuple[str, ...] = ()
) -> Recipe:
    """A fault of a setting, which advice must change, or that a kind of finding stands for."""
    return Recipe(make.__name__.strip("_"), make, kinds, settings)


def healthy(make: Callable[[Draw], Overrides]) -> Recipe:
    """No fault."""
    return Recipe(make.__name__.strip("_"), make, is_healthy=True)
