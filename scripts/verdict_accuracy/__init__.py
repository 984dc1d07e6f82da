"""Small networks whose fault is known, because it was put there, and sound ones.

A recipe makes one kind of fault and leaves all else as it should be; activation, depth, widths,
initialisation, data and optimizer are drawn. A draw is a number: another one gives other
networks by the same recipes, never seen before.

>>> first = networks(draw=0, per_recipe=1)[0]
>>> first.recipe.name, first == networks(draw=0, per_recipe=1)[0]
('vanishing', True)
"""

from collections.abc import Iterable
from dataclasses import dataclass

from verdict_accuracy.draws import Draw, Overrides
from verdict_accuracy.flow_faults import FLOW_FAULTS
from verdict_accuracy.healthy import AT_LIMITS, USUAL
from verdict_accuracy.recipe import Recipe
from verdict_accuracy.setting_faults import SETTING_FAULTS

RECIPES = (*FLOW_FAULTS, *SETTING_FAULTS, *USUAL, *AT_LIMITS)
_COMMON = {"n_seeds": "3", "trainer.max_epochs": "30", "data.batch_size": "16"}


@dataclass(frozen=True)
class Network:
    """A network and what is wrong with it.

    Attributes:
        recipe: by which it was drawn.
        overrides: of its run.
    """

    recipe: Recipe
    overrides: Overrides


def networks(draw: int, per_recipe: int = 2, recipes: Iterable[Recipe] = RECIPES) -> list[Network]:
    """Networks of every recipe.

    Args:
        draw: which ones.
        per_recipe: how many of each.
        recipes: only by these.

    Returns:
        The same for the same arguments.
    """
    return [
        Network(recipe, _COMMON | {"seed": str(100 * i)} | recipe.make(Draw(draw, number, i)))
        for number, recipe in enumerate(RECIPES)
        if recipe in recipes
        for i in range(per_recipe)
    ]
