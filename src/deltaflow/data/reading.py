"""How a table was read: what each column was taken for, and how its places are named."""

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal

MANY = 100
"""Unusable columns of which no more are looked for, nor named one by one."""

_WORDS = ("true", "false", "null", "nan", "inf")  # which Hydra takes for other than texts
_ESCAPED = re.compile(r'(\\+)$|(\\*)(")')


class Kind(StrEnum):
    """What a column was taken for."""

    NUMBER = "number"
    CATEGORY = "category"
    TRUTH = "true/false"


@dataclass(frozen=True)
class Column:
    """What became of a column.

    Attributes:
        name: as in the file.
        kind: what it was taken for; ``None`` if it was not looked at.
        n_inputs: how many inputs of the network it gives; 0 if it is left out.
        left_out: why, if it is.
    """

    name: str
    kind: Kind | None
    n_inputs: int = 0
    left_out: str = ""


@dataclass(frozen=True)
class Reading:
    """How a table was read.

    Attributes:
        path: of the file, as it was given.
        n_rows: its rows, without header and blank lines.
        target: the column to predict.
        columns: all others, in the order of the file.
        class_counts: rows of each class, by name; empty for a regression.
        target_range: the least and the greatest value of a numeric target, else ``None``.
        target_kind: what the target was taken for.
    """

    path: str
    n_rows: int
    target: str
    columns: tuple[Column, ...]
    class_counts: dict[str, int] = field(default_factory=dict)
    target_range: tuple[float, float] | None = None
    target_kind: Kind = Kind.CATEGORY

    def record(self) -> dict[str, Any]:
        """The same in JSON's own types, with the same words."""
        return {
            "path": self.path,
            "rows": self.n_rows,
            "target": self.target,
            "columns": [
                {
                    "name": column.name,
                    "read_as": None if column.kind is None else column.kind.value,
                    "inputs": column.n_inputs,
                    "left_out": column.left_out or None,
                }
                for column in self.columns
            ],
        }


@dataclass(frozen=True)
class Place:
    """A column of a file, as messages name it.

    Attributes:
        path: of the file, as it was given.
        column: its name.
        is_target: whether it is to be predicted, so that it cannot be dropped.
        dropped: columns that ``data.drop`` has named already.
    """

    path: str
    column: str
    is_target: bool = False
    dropped: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"column `{brief(self.column)}` of {literal(self.path)}"

    def row(self, index: int) -> str:
        """A cell of the column; rows are counted from 1, as a person counts them.

        >>> Place("my.csv", "age").row(0)
        'column `age`, row 1 of my.csv (data rows, counted from 1)'
        """
        return (
            f"column `{brief(self.column)}`, row {index + 1} of {literal(self.path)} "
            "(data rows, counted from 1)"
        )

    @property
    def alternative(self) -> str:
        """What to do if the column cannot be mended."""
        if self.is_target:
            return "choose another `data.target`"
        return f"use `{dropping([*self.dropped, self.column])}`"


class UnusableColumnError(UserError):
    """A column that nothing can be learnt from as it is.

    Args:
        expected: of such a column, as a sentence.
        found: instead.
        place: the column.
        advice: how to mend it.
        row: where it was found, from 0; ``None`` if in no row of its own.
        more: what else to say of what was found.
    """

    def __init__(
        self,
        expected: str,
        found: str,
        place: Place,
        advice: str,
        row: int | None = None,
        more: str = "",
    ) -> None:
        where = str(place) if row is None else place.row(row)
        self.rule = f"{expected} Found {found} in {where}{more}. {advice}"
        super().__init__(f"{self.rule}, or {place.alternative}.")
        self.place = place
        cell = "" if row is None else f", row {row + 1}"
        note = f" ({more.lstrip(',; ')})" if more else ""
        self.finding = f"{found.rstrip(',')} in column `{brief(place.column)}`{cell}{note}"


def all_in_one(errors: Sequence[UnusableColumnError], n_features: int) -> UserError:
    """What is wrong with the columns of one table, in one message with one override for all.

    Args:
        errors: one or more.
        n_features: all columns in use but the target; if all of them are unusable, it is no help
            to leave them out.
    """
    unusable = [error.place.column for error in errors if not error.place.is_target]
    is_target = len(unusable) < len(errors)
    if len(errors) == 1:
        is_last = not is_target and n_features == 1
        return UserError(f"{errors[0].rule}." if is_last else str(errors[0]))
    most, first = 12, errors[0].place
    shown = "; ".join(error.finding for error in errors[:most])
    least = "at least " if len(errors) == MANY else ""
    rest = f"; and {least}{len(errors) - most} more columns" if len(errors) > most else ""
    ways = []
    if len(errors) == MANY:
        ways.append("leave them out with `data.drop`")
    elif len(unusable) < n_features:
        ways.append(f"use `{dropping([*first.dropped, *unusable])}`")
    if is_target:
        ways.append("choose another `data.target`")
    otherwise = f", or {' and '.join(ways)}" if ways else ""
    return UserError(
        f"Every column must hold numbers, true and false, or categories, without a gap. Found in "
        f"{literal(first.path)} (data rows, counted from 1): {shown}{rest}. Correct the values, "
        f"or leave such rows out{otherwise}."
    )


def dropping(names: Sequence[str]) -> str:
    r"""What to type to leave columns out; with quotes where Hydra and the shell need them.

    >>> dropping(["a", "b"])
    'data.drop=[a,b]'
    >>> print(dropping(["height, cm", "1"]))
    'data.drop=["height, cm","1"]'
    """
    plain = [re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", n) and n.lower() not in _WORDS for n in names]
    shown = [
        name if is_plain else f'"{_ESCAPED.sub(_escape, literal(name))}"'
        for name, is_plain in zip(names, plain, strict=True)
    ]
    override = f"data.drop=[{','.join(shown)}]"
    return override if all(plain) else shlex.quote(override)


def _escape(found: re.Match[str]) -> str:
    at_end, before_quote, quote = found.groups(default="")
    return 2 * (at_end + before_quote) + (r"\"" if quote else "")


def local_path(path: str) -> Path:
    """A path on this machine; ``~`` is the home directory."""
    return Path(os.path.expanduser(path))


def listing(names: Sequence[str], most: int = 12) -> str:
    """Names, the first of them if they are many.

    >>> listing(["a", "b", "c"], most=2)
    '`a`, `b` and 1 more'
    """
    shown = ", ".join(f"`{brief(name)}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
