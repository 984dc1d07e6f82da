"""Refuses files that are not delimited text with a header, and says what they seem to be."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from deltaflow.data.columns import Array
from deltaflow.data.files.delimited import Heads, Texts, best_separator, local_path
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, listing, literal

_HEAD = 4096  # bytes that are read to recognise the kind of file
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x04\x22\x4d\x18": "lz4",
}
_OTHER = {
    b"PK\x03\x04": "which is binary: a ZIP archive, or a spreadsheet",
    b"\xd0\xcf\x11\xe0": "which is binary: an old spreadsheet",
    b"PAR1": "which is Parquet; its name must end in .parquet",
}
_COMMENT = re.compile(r"\s*(#|//|%)")
_SEP = re.compile(r'\s*"?sep=.?"?\s*', re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][-+]?[0-9]+)?")


def refuse_other_kinds(path: str) -> None:
    """Refuse a file that is not a text table, by its first bytes.

    Args:
        path: path of the file, as the user gave it.

    Raises:
        ValueError: if it is compressed, binary, a web page or JSON.
    """
    with local_path(path).open("rb") as binary:
        head = binary.read(_HEAD)
    for magic, name in _COMPRESSED.items():
        if head.startswith(magic):
            raise UserError(
                f"A table must be plain text, or Parquet. Found {literal(path)}, which is "
                f"compressed by {name}. Decompress it first."
            )
    found = next((words for magic, words in _OTHER.items() if head.startswith(magic)), None)
    if found is None and b"\0" in head:
        found = "which is binary, or text in UTF-16"
    if found is not None:
        raise UserError(
            f"A table must be text in UTF-8, or Parquet. Found {literal(path)}, {found}. Save "
            "it as «CSV UTF-8»."
        )
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    markup = start.startswith((b"<!doctype", b"<html", b"<?xml", b"<table"))
    if markup or re.match(rb"[{\[]\s*[\"{\[]", start):
        raise UserError(
            f"A table must be a table as text. Found {literal(path)}, which is "
            f"{'a web page or XML' if markup else 'JSON'}. Save the table as CSV or Parquet."
        )


def refuse_other_layouts(path: str, heads: Heads) -> None:
    """Refuse text that is not a table with a header under any of the usual separators.

    Args:
        path: path of the file, as the user gave it.
        heads: the first records, by the separator that was tried.

    Raises:
        ValueError: if a line for a spreadsheet, a comment or a title precedes the header, fields
            are separated by spaces, or each row is a single quoted field.
    """
    first = _first_line(path)
    if _SEP.fullmatch(first):
        raise UserError(
            f"The first line must name the columns. Found `{brief(first)}` in {literal(path)}, a "
            "line for spreadsheets. Delete it; the separator is found without it."
        )
    below = {s: [r for r in rows if not _COMMENT.match(r[0])] for s, rows in heads.items()}
    if _COMMENT.match(first) and below[","]:
        separator = best_separator(below)
        if len(heads[separator][0]) != len(below[separator][0]):
            raise UserError(
                f"The first line must name the columns. Found the comment `{brief(first)}` in "
                f"{literal(path)}. Delete all lines that are comments."
            )
    rest = {s: rows[1:] for s, rows in heads.items()}
    if rest[","] and _width(heads) is None and (width := _width(rest)) is not None:
        separator = best_separator(rest)
        if len(heads[separator][0]) == 1:
            raise UserError(
                f"The first line must name the columns. Found `{brief(first)}` in {literal(path)}, "
                f"above lines of {width} fields. Delete what stands above the header."
            )
    if any(len(rows[0]) > 1 for rows in heads.values()):
        return
    lines = [rows[0] for rows in heads[","] if len(rows) == 1]
    whole = len(lines) == len(heads[","])
    if whole and first.startswith('"') and _separated(lines, ",;\t|"):
        raise UserError(
            f"Quotes must hold one field each. Found each row of {literal(path)} in one pair of "
            f"quotes, `{brief(first)}`, so that it is a single field. Take off the outer quotes, "
            "and write those within once."
        )
    if whole and _separated([" ".join(line.split()) for line in lines], " "):
        raise UserError(
            f"Fields must be separated by a comma, a semicolon, a tab or a bar. Found spaces "
            f"between those of {literal(path)}, as in `{brief(first)}`. Write commas instead."
        )


def refuse_doubled_names(path: str, names: Sequence[str]) -> None:
    """Refuse a header with two equal names (``ValueError``)."""
    twice = sorted(name for name, n in Counter(names).items() if name and n > 1)
    if twice:
        raise UserError(
            f"The first line must name the columns, each once. Found {listing(twice)} more than "
            f"once in {literal(path)}. Rename one, or add a header if there is none."
        )


def is_number(name: str) -> bool:
    """Whether a name is a number, which suggests that there is no header."""
    return _NUMBER.fullmatch(name) is not None


def refuse_data_for_header(
    path: str, names: Sequence[str], columns: Mapping[str, Array | Texts]
) -> None:
    """Refuse a header whose names could all be values of their columns.

    A number could be a value if its distance from the values is at most their range; a text, if it
    is one of the values. Names that only count the columns are accepted.

    Args:
        path: path of the file, as the user gave it.
        names: names of all columns.
        columns: the columns in use, by name.

    Raises:
        ValueError: if the first line looks like data.
    """
    named = [name for name in names if name]
    if _count(named) or not all(_could_be_value(*column) for column in columns.items()):
        return
    raise UserError(
        f"The first line must name the columns. Found {listing(named)} in {literal(path)}, which "
        "look like a row of data. Add a line of names above them."
    )


def _count(names: Sequence[str]) -> bool:
    if not all(map(is_number, names)):
        return False
    numbers = sorted(map(_number, names))
    return numbers == [numbers[0] + k for k in range(len(numbers))]


def _could_be_value(name: str, column: Array | Texts) -> bool:
    if isinstance(column, Texts):
        return name in column.values
    if column.dtype == bool:
        return name.lower() in ("true", "false")
    if not is_number(name):
        return False
    if np.isnan(column).all():
        return False
    low, high = float(np.nanmin(column)), float(np.nanmax(column))
    return low - (high - low) <= _number(name) <= high + (high - low)


def _number(name: str) -> float:
    return float(name.replace(",", "."))


def _width(heads: Heads) -> int | None:
    """Number of fields per record with the best separator; ``None`` if it varies or is one."""
    widths = {len(record) for record in heads[best_separator(heads)]}
    return widths.pop() if len(widths) == 1 and widths != {1} else None


def _first_line(path: str) -> str:
    with local_path(path).open(encoding="utf-8-sig") as lines:
        return next((line.strip() for line in lines if line.strip()), "")


def _separated(lines: Sequence[str], separators: str) -> bool:
    """Whether a separator gives all lines the same number of fields, more than one."""
    widths = [{line.count(separator) for line in lines} for separator in separators]
    return any(len(counts) == 1 and counts != {0} for counts in widths)
