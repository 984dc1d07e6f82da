"""Tables as files: CSV, TSV and Parquet, read by polars; what cannot be read is refused.

The separator of a text file is found, not asked for: a comma, a semicolon (as spreadsheets
write it where the comma is the decimal sign, which is then read as one), a tab or a bar.
"""

import csv
import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from deltaflow.data.reading import brief, listing, literal

TEXT = (".csv", ".tsv", ".txt")
PARQUET = (".parquet", ".pq")
_SNIFFED = 20  # records that tell the separator
_TYPED = 10_000  # rows that tell the types, unless a later one contradicts
_FIELD = 2**31 - 1  # bytes of one value that the csv module may take


@dataclass(frozen=True)
class TableFile:
    """A table that is there, with a header.

    Attributes:
        path: as it was given.
        names: of its columns, in order; of a text file without the spaces around them.
        separator: of a text file; ``None`` for Parquet.
    """

    path: str
    names: tuple[str, ...]
    separator: str | None

    def read(self, columns: Sequence[str]) -> pl.DataFrame:
        """The data rows of some columns; the blank lines of a text file are passed over.

        Args:
            columns: their names.

        Returns:
            A frame in polars' own types; a text column may hold anything.

        Raises:
            ValueError: if the file is damaged, ragged, not in UTF-8, or has no rows.
        """
        try:
            frame = self._rows(columns)
        except pl.exceptions.PolarsError as error:
            if self.separator is not None:
                _refuse_ragged(self.path, self.separator, len(self.names))
            raise _unreadable(self.path, error) from error
        if not len(frame):
            raise ValueError(
                f"`data.path` must have rows below its header. Found none in {literal(self.path)}. "
                "Name a file with data."
            )
        return frame.select(columns)

    def _rows(self, columns: Sequence[str]) -> pl.DataFrame:
        if self.separator is None:
            return pl.read_parquet(_local(self.path), columns=list(columns), glob=False)
        frame = self._text(self.separator, _TYPED)
        if all(series.null_count() for series in frame):
            frame = frame.filter(~pl.all_horizontal(pl.all().is_null()))
        if frame.to_series(-1).null_count():  # perhaps a row that is too short
            _refuse_ragged(self.path, self.separator, len(self.names))
        return frame

    def _text(self, separator: str, n_typed: int | None) -> pl.DataFrame:
        named = [i for i, name in enumerate(self.names) if name]
        try:
            frame = pl.read_csv(
                _local(self.path),
                columns=named,
                separator=separator,
                decimal_comma=separator == ";",
                infer_schema_length=n_typed,
                glob=False,
            )
        except pl.exceptions.ComputeError:
            if n_typed is None:
                raise
            return self._text(separator, None)
        frame.columns = [self.names[i] for i in named]
        return frame


def open_table(path: str) -> TableFile:
    """Look at a table's header.

    Args:
        path: of a file, absolute or from the working directory; ``~`` is the home directory.

    Returns:
        The table.

    Raises:
        ValueError: if it is no file that can be read, of a kind that is not known, or its
            header is missing or names two columns alike.
    """
    file = _local(path)
    try:
        _refuse_path(path, file)
        if file.suffix.lower() in PARQUET:
            schema = pl.scan_parquet(file, glob=False).collect_schema()
            return TableFile(path, tuple(schema), None)
        return _open_text(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from error


def _refuse_path(path: str, file: Path) -> None:
    """Refuse what is no file, or of a kind that is not known."""
    if not os.path.exists(file):
        folder = file.absolute().parent
        there = [p.name for p in folder.iterdir()] if folder.is_dir() else []
        nearest = difflib.get_close_matches(file.name, there, n=1)
        advice = f"Did you mean {literal(nearest[0])}?" if nearest else "Check folder and name."
        raise ValueError(
            f"`data.path` must be a file that exists. Found no {literal(file.name)} in "
            f"{literal(str(folder))}. {advice}"
        )
    if not file.is_file():
        kind = "the folder" if file.is_dir() else "no regular file:"
        raise ValueError(f"`data.path` must be a file. Found {kind} {literal(path)}. Name a table.")
    if file.suffix.lower() not in (*TEXT, *PARQUET):
        raise ValueError(
            f"`data.path` must end in {', '.join((*TEXT, *PARQUET))}. Found {literal(path)}. "
            "Save the table as CSV or Parquet."
        )


def _open_text(path: str) -> TableFile:
    with _local(path).open("rb") as binary:
        head = binary.read(4096)
    if b"\0" in head:
        raise ValueError(
            f"`data.path` must be text in UTF-8, or Parquet. Found {literal(path)}, which is "
            "binary, or text in UTF-16. Save it as «CSV UTF-8»."
        )
    if b"\r" in head and b"\n" not in head:
        raise ValueError(
            f"Lines must end in a line feed. Found only carriage returns in {literal(path)}, as "
            "old spreadsheets for the Mac write them. Save it as «CSV UTF-8»."
        )
    separators = "\t,;|" if path.lower().endswith(".tsv") else ",;\t|"
    heads = {s: list(islice(_records(path, s), _SNIFFED)) for s in separators}

    def fit(separator: str) -> tuple[bool, int]:
        widths = [len(record) for record in heads[separator]]
        return len(set(widths)) == 1 and widths[0] > 1, widths[0]

    if not heads[","]:
        raise ValueError(
            f"`data.path` must have a header and rows. Found nothing in {literal(path)}. "
            "Name a file with data."
        )
    separator = max(separators, key=fit)
    names = [name.strip() for name in heads[separator][0]]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise ValueError(
            f"The first line must name the columns, each once. Found {listing(twice)} more than "
            f"once in {literal(path)}. Rename one, or add a header if there is none."
        )
    return TableFile(path, tuple(names), separator)


def _records(path: str, separator: str) -> Iterator[list[str]]:
    """The records of a text file that are not blank.

    Raises:
        ValueError: at the first line that is not in UTF-8.
    """
    csv.field_size_limit(_FIELD)
    with _local(path).open(encoding="utf-8-sig", newline="") as lines:
        try:
            yield from filter(None, csv.reader(lines, delimiter=separator))
        except UnicodeDecodeError as error:
            raise ValueError(_wrong_encoding(path)) from error


def _refuse_ragged(path: str, separator: str, width: int) -> None:
    """Refuse the first row that is too long or too short, if there is one."""
    for number, record in enumerate(_records(path, separator)):
        if len(record) != width:
            raise ValueError(
                f"Every row must have as many fields as the header. Found {len(record)} in row "
                f"{number} of {literal(path)} (data rows, counted from 1), where the header has "
                f"{width}. Correct the row; a field with the separator in it needs quotes."
            )


def _wrong_encoding(path: str) -> str:
    """What to say of a text file of which a line is not in UTF-8."""
    with _local(path).open("rb") as lines:
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


def _local(path: str) -> Path:
    return Path(os.path.expanduser(path))


def _unreadable(path: str, error: Exception) -> ValueError:
    reason = literal(str(error).partition("\n")[0].rstrip(".")) or type(error).__name__
    return ValueError(
        f"`data.path` must be a table that can be read. Found {literal(path)}: {reason}. "
        "Save it anew as CSV (UTF-8) or Parquet."
    )
