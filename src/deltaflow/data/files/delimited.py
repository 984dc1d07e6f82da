"""Reads delimited text with Python's csv module in strict mode.

Only this parser decides where fields and rows end, so the row that a message names is the row that
was read. The separator is detected: a comma, a semicolon, a tab or a bar. Polars converts texts to
numbers, all columns in one call, because a call takes as long for a hundred values as for a
hundred thousand.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from deltaflow.data.columns import Array
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal

GROUPED = r"^[-+\u2212]?[1-9][0-9]{0,2}[.,][0-9]{3}$"
"""A number as text whose comma or point may be a decimal or a thousands separator."""

_SNIFFED = 20  # records that are read to detect the separator
_SNIFFED_LENGTH = 100_000  # characters after which no more of them are read
_CELLS = 2_000_000  # cells that are Python strings at the same time, about 0.1 GB
_FIELD = 2**31 - 1  # largest field that the csv module accepts, bytes
_CONTINUED = "Correct the row; a quote within a quoted field is written twice."
Heads = dict[str, list[list[str]]]


@dataclass(frozen=True)
class Texts:
    """A column of texts, without surrounding spaces.

    Attributes:
        values: the different texts, in order of first appearance.
        codes: the index in ``values`` of each row, ``[n_rows]``, int32.
        signs: decimal separators that numbers in the column may have.
        usual: decimal separators in other columns of the file, which do not separate thousands in
            this one.
    """

    values: list[str]
    codes: Array
    signs: str = "."
    usual: str = "."

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Texts":
        """Make a column of texts, one per row."""
        seen: dict[str, int] = {}
        codes = np.fromiter((seen.setdefault(text, len(seen)) for text in texts), np.int32)
        return cls(list(seen), codes)


def first_records(path: str) -> Heads:
    """The first records that are not blank, parsed with each possible separator.

    Args:
        path: path of the file, as the user gave it.

    Raises:
        ValueError: if a line is not UTF-8.
    """
    separators = "\t,;|" if path.lower().endswith(".tsv") else ",;\t|"
    return {separator: list(_sniffed(path, separator)) for separator in separators}


def _sniffed(path: str, separator: str) -> Iterator[list[str]]:
    length = 0
    for k, record in enumerate(records(path, separator, strict=False)):
        if k == _SNIFFED or (k > 1 and length > _SNIFFED_LENGTH):
            return
        length += sum(map(len, record))
        yield record


def best_separator(heads: Heads) -> str:
    """The separator that gives the first records the same, and the largest, number of fields."""

    def fit(separator: str) -> tuple[bool, int]:
        widths = [len(record) for record in heads[separator]]
        return len(set(widths)) == 1 and widths[0] > 1, widths[0]

    return max(heads, key=fit)


def records(path: str, separator: str, strict: bool = True) -> Iterator[list[str]]:
    """The records of a text file that are not blank.

    Args:
        path: path of the file, as the user gave it.
        separator: separator of the fields.
        strict: whether to refuse text after a closing quote, and a quote that is not closed.

    Raises:
        ValueError: if a line is not UTF-8, or its quotes are not valid.
    """
    csv.field_size_limit(_FIELD)
    number = -1
    with local_path(path).open(encoding="utf-8-sig", newline="") as lines:
        parsed = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=strict)
        try:
            for record in parsed:
                if any(map(str.strip, record)):
                    number += 1
                    yield record
        except UnicodeDecodeError as error:
            raise UserError(_wrong_encoding(path)) from error
        except csv.Error as error:
            raise UserError(_wrong_quotes(path, number + 1, str(error))) from error


def read_columns(
    path: str, separator: str, n_columns: int, places: Sequence[int], texts: Sequence[int] = ()
) -> list[Array | Texts]:
    """Read some columns of a file.

    Args:
        path: path of the file, as the user gave it.
        separator: separator of the fields.
        n_columns: number of columns in the file.
        places: indices of the columns to read, from 0.
        texts: indices among these of columns that are returned as texts even if all are numbers.

    Returns:
        For each column its numbers, float64, if all values are unambiguous numbers; otherwise its
        texts, with an empty text for an empty field.

    Raises:
        ValueError: if a row is too long or too short, or its quotes are not valid.
    """
    rows, width = _whole_rows(path, separator, n_columns), len(places)
    signs = "." if separator == "," else ".,"
    cells, numbers = [], []
    is_number = np.ones(width, dtype=bool)
    is_number[list(texts)] = False
    has = {sign: np.zeros(width, dtype=bool) for sign in ".,"}
    is_clear = {sign: np.zeros(width, dtype=bool) for sign in ".,"}
    while chunk := list(islice(rows, max(1, _CELLS // n_columns))):
        text = pl.Series([record[k] for record in chunk for k in places], dtype=pl.String)
        cells.append(text := text.str.strip_chars())
        with_point = text if signs == "." else text.str.replace(",", ".", literal=True)
        values = with_point.cast(pl.Float64, strict=False).to_numpy().reshape(-1, width)
        numbers.append(values.T)
        is_number &= ~np.isnan(values).any(axis=0)
        for sign in signs:
            found = text.str.contains(sign, literal=True)
            has[sign] |= _by_column(found, width)
            if not is_clear[sign][has[sign]].all():
                is_clear[sign] |= _by_column(found & ~text.str.contains(GROUPED), width)
    shown = [sign for sign in signs if (is_clear[sign] & is_number).any()]
    usual = "".join(shown) or ("," if separator == ";" else ".")
    has_one = has["."] != has[","]
    is_number &= ~(has["."] | has[","]) | (has_one & (is_clear["."] | is_clear[","]))
    matrix = np.concatenate([np.empty((width, 0)), *numbers], axis=1)
    others = np.flatnonzero(~is_number).tolist()
    in_words = iter(_encode(cells, width, others, signs, usual))
    return [matrix[k] if is_number[k] else next(in_words) for k in range(width)]


def _by_column(found: pl.Series, width: int) -> Array:
    """Whether a cell of each column is true, for cells in row-major order."""
    by_row: Array = found.to_numpy().reshape(-1, width)
    return np.asarray(by_row.any(axis=0))


def _encode(
    texts: Sequence[pl.Series], width: int, places: Sequence[int], signs: str, usual: str
) -> list[Texts]:
    """Build columns from cells in row-major order."""
    seen: list[dict[str, int]] = [{} for _ in places]
    codes: list[list[Array]] = [[] for _ in places]
    for text in texts if places else ():
        cells = text.to_list()
        for k, known, parts in zip(places, seen, codes, strict=True):
            column = cells[k::width]
            found = (known.setdefault(value, len(known)) for value in column)
            parts.append(np.fromiter(found, np.int32, len(column)))
    return [
        Texts(list(known), np.concatenate(parts), signs, usual)
        for known, parts in zip(seen, codes, strict=True)
    ]


def _whole_rows(path: str, separator: str, width: int) -> Iterator[list[str]]:
    """The rows below the header, each of which must have ``width`` fields."""
    for number, record in enumerate(records(path, separator)):
        if len(record) != width:
            raise UserError(
                f"Every row must have as many fields as the header. Found "
                f"{_odd_row(record, separator)} in data row {number} of {literal(path)}, where the "
                f"header has {width}. Correct the row; a field with the separator in it needs "
                "quotes."
            )
        if number:
            yield record


def _odd_row(record: list[str], separator: str) -> str:
    only = record[0].strip()
    if len(record) == 1 and only.startswith(("#", "//")):
        return f"the comment `{brief(only)}`"
    if len(record) == 1 and separator in only:
        return "a whole row in one pair of quotes"
    return str(len(record))


def _wrong_quotes(path: str, row: int, reason: str) -> str:
    """The message for a record that the csv module refuses."""
    where = f"{f'data row {row}' if row else 'the header'} of {literal(path)}"
    if "end of data" in reason:
        return (
            f"A quote that opens a field must be closed. Found one in {where} that is open to the "
            f"end of the file. {_CONTINUED}"
        )
    return (
        f"A closing quote must end its field. Found more behind one in {where}: {reason}. "
        f"{_CONTINUED}"
    )


def _wrong_encoding(path: str) -> str:
    """The message for a text file with a line that is not UTF-8."""
    with local_path(path).open("rb") as lines:
        number, line = next(
            (number, line)
            for number, line in enumerate(lines, start=1)
            if line.decode(errors="ignore").encode() != line
        )
    return (
        f"A table must be text in UTF-8. Found {literal(path)}, which in line {number} is not, "
        f"`{brief(line.decode('latin-1').strip())}` as Latin-1. Save it as «CSV UTF-8»."
    )


def local_path(path: str) -> Path:
    """A path on this machine; ``~`` is the home directory."""
    return Path(os.path.expanduser(path))
