"""Problems with the columns of a table, and the one message that reports them all.

Modules that read columns create a :class:`Problem`. The message, and the override that solves all
problems, are written here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from deltaflow.data.columns import FINITE
from deltaflow.data.tables.selection import Selection
from deltaflow.system.escaping import brief, literal

MAX_PROBLEMS = 100
"""The number of problems after which no more columns are read."""

MAX_CATEGORIES = 1000

_SHOWN = 12  # problems that are listed in a message
_MIXED = (
    "Every column must hold numbers, true and false, or categories, without a gap.",
    ("Correct such values", "leave such rows out"),
)


class ProblemKind(Enum):
    """A rule for columns, with the ways to solve a violation, and an override that solves it."""

    MISSING = (
        "Every row must have a value.",
        ("Fill in the gaps", "leave such rows out"),
        "data.missing=median",
    )
    NOT_FINITE = (
        FINITE,
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
        "data.dates=days",
    )
    DATE_FORM = (
        "The dates of a column must have one form, and one meaning.",
        ("Write all of them as 2024-05-31",),
    )
    UNORDERED = (
        "An ordered category must be one that `data.order` has.",
        ("Correct such values", "add them there"),
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

    def __init__(self, rule: str, ways: tuple[str, ...], override: str = "") -> None:
        self.rule = rule
        self.ways = ways
        self.override = override


@dataclass(frozen=True)
class Problem:
    """A problem with a column.

    Attributes:
        kind: the rule that is violated.
        column: name of the column.
        found: the value that violates it.
        row: data row, from 0; ``None`` if the problem is the whole column.
        note: more about what was found.
    """

    kind: ProblemKind
    column: str
    found: str
    row: int | None = None
    note: str = ""


class UnusableColumnError(Exception):
    """A column cannot be read because of a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def cell(column: str, row: int | None = None) -> str:
    """The name of a column, or of a cell, in messages.

    >>> cell("age"), cell("age", 0)
    ('column `age`', 'column `age`, data row 1')
    """
    place = "" if row is None else f", data row {row + 1}"
    return f"column `{brief(column)}`{place}"


def message_with_override(problems: Sequence[Problem], selection: Selection) -> str:
    """Write one message with the problems of a table, and the override that solves them.

    Args:
        problems: the problems, one to ``MAX_PROBLEMS``.
        selection: the selection of columns.
    """
    return message_of(problems, selection.path, " and ".join(_overrides(problems, selection)))


def message_of(problems: Sequence[Problem], path: str, settled: str = "") -> str:
    """Write one message with the problems of a table.

    Args:
        problems: the problems, one to ``MAX_PROBLEMS``.
        path: path of the table.
        settled: an override that solves them; empty if there is none.
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
        least = "at least " if len(problems) == MAX_PROBLEMS else ""
        found += f"; and {least}{n_more} more columns" if n_more > 0 else ""
    choice = [*ways, *([settled] if settled else [])]
    last = f"{', or ' if len(choice) > 1 else ''}{choice[-1]}"
    advice = f"{', '.join(choice[:-1])}{last}."
    return f"{rule} {found}. {advice[0].upper()}{advice[1:]}"


def _note(problem: Problem) -> str:
    return f" ({problem.note})" if problem.note else ""


def _overrides(problems: Sequence[Problem], selection: Selection) -> Iterator[str]:
    """The overrides that solve all problems; none if no feature would be left."""
    lost = dict.fromkeys(p.column for p in problems if not _is_settled(p, selection))
    unusable = [column for column in lost if column not in selection.targets]
    settings = sorted({p.kind.override for p in problems if p.column not in lost})
    if len(problems) == MAX_PROBLEMS and unusable:
        yield "leave them out with `data.drop`"
    elif unusable and len(unusable) < len(selection.features):
        settings.append(selection.drop(unusable))
    elif unusable:
        return
    if settings:
        others = ", `indicator` or `drop`" if settings == [ProblemKind.MISSING.override] else ""
        yield f"use `{' '.join(settings)}`{others}"
    if len(unusable) < len(lost):
        yield "choose another `data.target`"


def _is_settled(problem: Problem, selection: Selection) -> bool:
    """Whether an override solves the problem and keeps the column; a target cannot be dates."""
    is_date = problem.kind is ProblemKind.DATE and problem.column in selection.targets
    return bool(problem.kind.override) and not is_date
