"""A recipe: how a network of one kind is drawn, and what a verdict on it must say."""

from collections.abc import Callable
from dataclasses import dataclass

from verdict_accuracy.draws import Draw, Overrides


@dataclass(frozen=True)
class Recipe:
    """How networks with one fault, or with none, are drawn.

    Attributes:
        make: the overrides of a network.
        kinds: one of which the first finding has, unless it advises to change one of ``settings``.
        settings: that are at fault.
    """

    make: Callable[[Draw], Overrides]
    kinds: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """That of the function which makes it."""
        return self.make.__name__.strip("_")

    @property
    def is_healthy(self) -> bool:
        """Whether nothing may be found."""
        return not (self.kinds or self.settings)
