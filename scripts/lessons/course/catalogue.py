"""Which lessons there are, in reading order, and what each says of itself.

>>> lessons_named(["softmax"])[0].title
'Softmax'
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from deltaflow import UserError

ORDER = (
    "tensors",
    "data_types",
    "random_numbers",
    "derivatives",
    "neuron",
    "linear_layers",
    "training_step",
    "iris_by_hand",
    "activations",
    "vanishing_gradients",
    "dead_units",
    "softmax",
    "entropy",
    "cross_entropy",
    "binary_cross_entropy",
    "accelerator",
)
"""The reading order: each lesson uses what those before it have shown."""

OUTPUT = Path("outputs") / "lessons"
"""Where figures go, below the folder in which one runs a lesson."""


@dataclass(frozen=True)
class Lesson:
    """A lesson, as its first cell introduces it.

    Attributes:
        name: of the file, without its ending.
        path: of the file.
        title: in a few words.
        sentence: what one learns.
    """

    name: str
    path: Path
    title: str
    sentence: str


def directory() -> Path:
    """Where the lessons are."""
    return Path(__file__).parents[1]


def lessons() -> list[Lesson]:
    """All lessons, in reading order."""
    return [read(directory() / f"{name}.py") for name in ORDER]


def lessons_named(names: Sequence[str]) -> list[Lesson]:
    """The lessons with these names, in the order given.

    Args:
        names: such as ``softmax``; a file's name or path means its lesson too.

    Raises:
        ValueError: for a name that no lesson has, with the one most like it.
    """
    known = {lesson.name: lesson for lesson in lessons()}
    stems = [Path(name).name.removesuffix(".py") for name in names]
    for typed, stem in zip(names, stems, strict=True):
        if stem not in known:
            within = [name for name in known if stem and stem.lower() in name]
            nearest = within or get_close_matches(stem.lower(), known, n=1)
            advice = (
                f"Did you mean `{nearest[0]}`?" if nearest else f"There are {', '.join(known)}."
            )
            raise UserError(f"A lesson must be one that there is. Found `{typed}`. {advice}")
    return [known[stem] for stem in stems]


def read(path: Path) -> Lesson:
    """What a lesson says of itself: the heading of its first cell, and the paragraph below it.

    Raises:
        ValueError: if it does not begin with a heading and a sentence.
    """
    first = path.read_text(encoding="utf-8").split("# %%")[1].splitlines()
    paragraphs = "\n".join(line.removeprefix("#").strip() for line in first[1:]).split("\n\n")
    heading, _, sentence = paragraphs[0].partition("\n")
    if first[0].strip() != "[markdown]" or not heading.startswith("# ") or not sentence:
        raise UserError(
            "A lesson must begin with a markdown cell of a heading and a sentence below it. Found "
            f"another beginning in {path.name}. See those of the other lessons."
        )
    return Lesson(path.stem, path, heading[2:], " ".join(sentence.split()))
