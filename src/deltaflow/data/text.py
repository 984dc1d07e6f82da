"""Text files as tables: one parser, Python's csv module in its strict mode.

It alone judges where fields and rows end, so nothing is read that it refuses, and the row that
a message names is the row that was read. The separator is found, not asked for: a comma, a
semicolon, a tab or a bar. polars only holds what was read.
"""

import csv
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import polars as pl

from deltaflow.data.numerals import GROUPED
from deltaflow.data.reading import local_path
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal

_SNIFFED = 20  # records that tell the separator
_CELLS = 2_000_000  # that are held as Python's own strings at once, about 0.1 GB
_FIELD = 2**31 - 1  # bytes of one value that the csv module may take
_ROWS = "(data rows, counted from 1)"
_CONTINUED = "Correct the row; a quote within a quoted field is written twice."


def first_records(path: str) -> dict[str, list[list[str]]]:
    """The first records that are not blank, by the separator that is tried.

    Args:
        path: of the file, as it was given.

    Raises:
        ValueError: at the first line that is not in UTF-8.
    """
    separators = "\t,;|" if path.lower().endswith(".tsv") else ",;\t|"
    return {s: list(islice(records(path, s, strict=False), _SNIFFED)) for s in separators}


def best_separator(heads: dict[str, list[list[str]]]) -> str:
    """The separator that gives each of the first records as many fields, and most of them."""

    def fit(separator: str) -> tuple[bool, int]:
        widths = [len(record) for record in heads[separator]]
        return len(set(widths)) == 1 and widths[0] > 1, widths[0]

    return max(heads, key=fit)


def records(path: str, separator: str, strict: bool = True) -> Iterator[list[str]]:
    """The records of a text file that hold anything.

    Args:
        path: of the file, as it was given.
        separator: of the fields.
        strict: whether to refuse what stands behind a closing quote, and an open quote.

    Raises:
        ValueError: at the first line that is not in UTF-8, and for quotes that make no sense.
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
    path: str, separator: str, names: Sequence[str], places: Sequence[int]
) -> list[pl.Series]:
    """Columns as they stand in the file, without the spaces around each value.

    All columns are looked at together: polars takes as long for a column of a hundred values as
    for a hundred thousand.

    Args:
        path: of the file, as it was given.
        separator: of its fields.
        names: of all columns.
        places: of those to read, from 0.

    Returns:
        A series for each: ``Float64`` where all are numbers beyond doubt, else of texts, empty
        where there is nothing.

    Raises:
        ValueError: if a row is too long or too short, or its quotes make no sense.
    """
    rows = _whole_rows(path, separator, len(names))
    width = len(places)
    texts, numbers = [], []
    plain, clear = np.ones(width, dtype=bool), np.zeros(width, dtype=bool)
    has_point = np.zeros(width, dtype=bool)
    while chunk := list(islice(rows, max(1, _CELLS // len(names)))):
        cells = [record[k] for record in chunk for k in places]
        text = pl.Series(cells, dtype=pl.String).str.strip_chars()
        texts.append(text)
        numbers.append(text.cast(pl.Float64, strict=False).to_numpy().reshape(-1, width))
        plain &= ~np.isnan(numbers[-1]).any(axis=0)
        pointed = text.str.contains(".", literal=True)
        ungrouped = pointed & ~text.str.contains(GROUPED)
        has_point |= pointed.to_numpy().reshape(-1, width).any(axis=0)
        clear |= ungrouped.to_numpy().reshape(-1, width).any(axis=0)
    are_numbers = plain & (clear | ~has_point)
    return (
        [
            pl.Series(
                names[place],
                np.concatenate([part[:, k] for part in numbers])
                if are_numbers[k]
                else pl.concat([text.gather_every(width, k) for text in texts]),
            )
            for k, place in enumerate(places)
        ]
        if texts
        else [pl.Series(names[place], [], dtype=pl.String) for place in places]
    )


def _whole_rows(path: str, separator: str, width: int) -> Iterator[list[str]]:
    """The rows below the header, each of which must be as wide as it is."""
    for number, record in enumerate(records(path, separator)):
        if len(record) != width:
            raise UserError(
                f"Every row must have as many fields as the header. Found "
                f"{_odd_row(record, separator)} in row {number} of {literal(path)} {_ROWS}, where "
                f"the header has {width}. Correct the row; a field with the separator in it needs "
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
    """What to say of a record that the csv module refuses."""
    where = f"row {row} of {literal(path)} {_ROWS}" if row else f"the header of {literal(path)}"
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
    """What to say of a text file of which a line is not in UTF-8."""
    with local_path(path).open("rb") as lines:
        number, line = next(
            (number, line) for number, line in enumerate(lines, start=1) if not _is_utf8(line)
        )
    return (
        f"`data.path` must be text in UTF-8. Found {literal(path)}, which in line {number} is not, "
        f"`{brief(line.decode('latin-1').strip())}` as Latin-1. Save it as «CSV UTF-8»."
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
