"""Small networks whose fault is known, because it was put there.

A recipe makes one kind of fault and leaves all else as it should be; activation, depth, widths,
initialisation, data and optimizer are drawn. A draw is a number: another one gives other
networks by the same recipes, never seen before.

>>> first = labelled_runs(draw=0, per_kind=1)[0]
>>> first.kind, first == labelled_runs(draw=0, per_kind=1)[0]
('healthy', True)
"""

from dataclasses import dataclass

from verdict_accuracy.draws import Draw
from verdict_accuracy.recipes import RECIPES

HEALTHY_SHARE = 4  # healthy networks for each network of one kind of fault


@dataclass(frozen=True)
class LabelledRun:
    """A run and what is wrong with it.

    Attributes:
        kind: of the fault, as verdicts name it; ``healthy`` for none.
        overrides: of the run, by key.
    """

    kind: str
    overrides: dict[str, str]


def labelled_runs(draw: int, per_kind: int = 4) -> list[LabelledRun]:
    """Networks of every kind, healthy ones first.

    Args:
        draw: which ones.
        per_kind: networks of each kind of fault; there are ``HEALTHY_SHARE`` times as many
            healthy ones.

    Returns:
        The same for the same arguments.
    """
    runs = []
    for number, (kind, recipes) in enumerate(RECIPES.items()):
        for i in range(per_kind * (HEALTHY_SHARE if kind == "healthy" else 1)):
            made = recipes[i % len(recipes)](Draw(draw, number, i))
            settled = {"n_seeds": "3", "seed": str(100 * i), "trainer.max_epochs": "30"}
            runs.append(LabelledRun(kind, settled | made))
    return runs
