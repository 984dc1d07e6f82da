"""What may be wrong with the columns of a table, and the message that says all of it at once.

Whoever reads a column finds a :class:`Problem`; the words, and the override that settles every
one of them, are made here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from deltaflow.data.samples import Array
from deltaflow.data.tables.selection import Selection
from deltaflow.system.escaping import brief, literal

MANY = 100
"""Problems of which no more are looked for."""

GREATEST = 3e38
"""About the greatest number of single precision."""

MAX_CATEGORIES = 1000

_SHOWN = 12  # problems that are named one by one
_FAR = 1000  # times as far from the median as the others: no usual distribution has that
_FEW_ROWS = 50  # of which none is far off for sure
_IDENTIFYING = ("id", "index", "row", "number", "nr")  # ends of names
_CELLS = 2_000_000  # of which copies are made at once
_MIXED = (
    "Every column must hold numbers, true and false, or categories, without a gap.",
    ("Correct such values", "leave such rows out"),
)


class ProblemKind(Enum):
    """A rule for columns, with the ways to mend one that breaks it."""

    MISSING = ("Every row must have a value.", ("Fill in the gaps", "leave such rows out"))
    NOT_FINITE = (
        f"Every number must be finite, in single precision too: at most {GREATEST:g} in magnitude.",
        ("Correct such values", "leave such rows out"),
    )
    NOT_PLAIN = (
        "A column of numbers must hold plain numbers throughout, such as -1234.5.",
        ("Correct such values", "leave such rows out"),
    )
    DOUBTFUL_SIGN = (
        "A number must have one meaning: without separators of thousands.",
        ("Write whole numbers with digits alone, and the decimals of a file with the same sign",),
    )
    DATE = (
        "A column must hold numbers, true and false, or categories.",
        ("Turn dates into numbers first",),
    )
    NESTED = ("A column must hold numbers, true and false, or text.", ("Flatten it",))
    IDENTIFIER = (
        f"Categories must come back: two rows each on average, at most {MAX_CATEGORIES} in all.",
        ("Group them",),
    )
    OTHER_KIND = (
        "A column must be of the kind that the network was trained with.",
        ("Correct such values",),
    )
    NEW_CATEGORY = (
        "A category must be one that the network was trained with.",
        ("Correct such values", "leave such rows out", "train again with them"),
    )
    ROW_NUMBER = (
        "An input should not say where in the file its row is.",
        ("Keep it only if that is to be learnt",),
    )
    SPELLINGS = (
        "A category should be spelled in one way.",
        ("Write alike what means the same",),
    )
    OUTLIER = (
        "A number should be of the size of the others of its column.",
        ("Correct such values", "leave such rows out"),
    )

    def __init__(self, rule: str, ways: tuple[str, ...]) -> None:
        self.rule = rule
        self.ways = ways


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a column.

    Attributes:
        kind: the rule that is broken.
        column: its name.
        found: what was found there.
        row: where, from 0; ``None`` if it is about the column as a whole.
        note: more about what was found.
    """

    kind: ProblemKind
    column: str
    found: str
    row: int | None = None
    note: str = ""


class UnusableColumnError(Exception):
    """A column cannot be read, for one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def cell(column: str, row: int | None = None) -> str:
    """A column, or one of its rows, as messages name it.

    >>> cell("age"), cell("age", 0)
    ('column `age`', 'column `age`, data row 1')
    """
    place = "" if row is None else f", data row {row + 1}"
    return f"column `{brief(column)}`{place}"


def describe(problems: Sequence[Problem], selection: Selection) -> str:
    """Say in one message what is wrong with a table, and the override that settles it.

    Args:
        problems: one or more, and only the first ``MANY`` of them.
        selection: of the columns.
    """
    return listed(problems, selection.path, " and ".join(_overrides(problems, selection)))


def listed(problems: Sequence[Problem], path: str, settled: str = "") -> str:
    """Say in one message what is wrong with a table.

    Args:
        problems: one or more, and only the first ``MANY`` of them.
        path: of the table.
        settled: an override that settles it, if there is one.
    """
    kinds = {problem.kind for problem in problems}
    kind = problems[0].kind
    rule, ways = (kind.rule, kind.ways) if len(kinds) == 1 else _MIXED
    path, first = literal(path), problems[0]
    if len(problems) == 1:
        found = f"Found {first.found} in {cell(first.column, first.row)} of {path}{_note(first)}"
    else:
        shown = (f"{p.found} in {cell(p.column, p.row)}{_note(p)}" for p in problems[:_SHOWN])
        found, n_more = f"Found in {path}: {'; '.join(shown)}", len(problems) - _SHOWN
        least = "at least " if len(problems) == MANY else ""
        found += f"; and {least}{n_more} more columns" if n_more > 0 else ""
    choice = [*ways, *([settled] if settled else [])]
    last = f"{', or ' if len(choice) > 1 else ''}{choice[-1]}"
    advice = f"{', '.join(choice[:-1])}{last}."
    return f"{rule} {found}. {advice[0].upper()}{advice[1:]}"


def _note(problem: Problem) -> str:
    return f" ({problem.note})" if problem.note else ""


def _overrides(problems: Sequence[Problem], selection: Selection) -> Iterator[str]:
    """What to type so that none of the problems is left; nothing where no feature would be."""
    unusable = [p.column for p in problems if p.column != selection.target]
    if len(problems) == MANY:
        yield "leave them out with `data.drop`"
    elif unusable and len(unusable) < len(selection.features):
        yield f"use `{selection.drop(unusable)}`"
    if any(p.column == selection.target for p in problems):
        yield "choose another `data.target`"


def row_numbers(names: Sequence[str], numbers: Array) -> list[Problem]:
    """Inputs that count the rows, up or down, or say so by their names and are sorted.

    Classes often come in the order of the file, and these tell it.

    Args:
        names: of the inputs.
        numbers: ``[n_rows, n_inputs]``.
    """
    if len(numbers) < 3:
        return []
    found = []
    for first, block in _blocks(numbers):
        steps = np.diff(block, axis=0)
        are_counts = (np.abs(steps[0]) == 1) & (steps == steps[0]).all(axis=0)
        here = names[first : first + block.shape[1]]
        are_named_so = np.array([name.lower().endswith(_IDENTIFYING) for name in here])
        found_here = are_counts | ((steps > 0).all(axis=0) & are_named_so)
        for k in np.flatnonzero(found_here).tolist():
            ends = f"{block[0, k]:.15g}, {block[1, k]:.15g} to {block[-1, k]:.15g}"
            found.append(Problem(ProblemKind.ROW_NUMBER, names[first + k], ends))
    return found


def spellings(column: str, categories: Sequence[str]) -> list[Problem]:
    """Categories of a column that differ in nothing but spaces and capitals, first of all."""
    alike: dict[str, list[str]] = {}
    for category in sorted(categories):
        alike.setdefault(" ".join(category.split()).casefold(), []).append(category)
    several = next((some for some in alike.values() if len(some) > 1), None)
    if several is None:
        return []
    found = " and ".join(f"`{brief(category)}`" for category in several)
    return [Problem(ProblemKind.SPELLINGS, column, found, note="spaces and capitals tell apart")]


def outliers(names: Sequence[str], numbers: Array) -> list[Problem]:
    """The number of each column that is farthest from the others, if it is very far.

    Args:
        names: of the columns.
        numbers: ``[n_rows, n_columns]``.
    """
    n = len(numbers)
    if n < _FEW_ROWS:
        return []
    found, k_rest = [], n - 1 - max(1, n // 20)
    for first, block in _blocks(numbers):
        middle = np.median(block, axis=0)
        distances = np.abs(block - middle)
        rest = np.partition(distances, k_rest, axis=0)[k_rest]
        is_far = (rest > 0) & (distances.max(axis=0) > _FAR * rest)
        for k in np.flatnonzero(is_far).tolist():
            row = int(distances[:, k].argmax())
            note = f"95 of 100 lie within {rest[k]:g} of {middle[k]:g}"
            problem = Problem(
                ProblemKind.OUTLIER, names[first + k], f"{block[row, k]:g}", row, note
            )
            found.append(problem)
    return found


def _blocks(numbers: Array) -> Iterator[tuple[int, Array]]:
    """A matrix in blocks of columns, each with the place of its first."""
    width = max(1, _CELLS // len(numbers))
    for first in range(0, numbers.shape[1], width):
        yield first, numbers[:, first : first + width]
