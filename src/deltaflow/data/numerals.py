"""Numbers in words, as programs of different countries write them.

Python's own notation is a number, with U+2212 for a minus too, and in a file whose fields are
separated by semicolons a comma for the decimal point. A sign that may as well separate thousands
is doubtful: ``1.050`` beside ``950`` is 1050 to one reader and 1.05 to another.
"""

import polars as pl

NUMERIC = (  # perhaps not plainly so
    r"^[(\"']?[-+\u2212\u2013]?[$€£]?\s*[-+\u2212\u2013]?[.,]?\d[\d.,'’\s]*([eE][-+\u2212]?\d+)?"
    r"\s*[%$€£]?[)\"']?$"
)
GROUPED = r"^[-+\u2212]?[1-9]\d{0,2}[.,]\d{3}$"  # a sign in it may separate thousands
_HEAD = 1000  # values that mostly show that nothing is doubtful
_MINUS = "\u2212"
_WITH_MINUS = r"^\u2212([.,]?\d)"
_WITH_COMMA = r"^([-+]?\d*),(\d+)([eE][-+]?\d+)?$"


def plain(text: pl.Series, comma: bool) -> pl.Series:
    """The same values, with minus and decimal sign as Python writes them where they are numbers.

    Args:
        text: of a column.
        comma: whether a comma may be the decimal sign.
    """
    if text.str.contains(_MINUS, literal=True).any():
        text = text.str.replace(_WITH_MINUS, "-$1")
    if comma and 2 * text.str.contains(_WITH_COMMA).sum() > len(text) - _count_plain(text):
        text = text.str.replace(_WITH_COMMA, "$1.$2$3")
    return text


def doubtful(text: pl.Series, comma: bool) -> int | None:
    """The first row of a column of numbers whose sign may separate thousands.

    It may if all signs of its kind stand before three digits, and not after a zero that leads. In
    a column where every number has such a sign, it is the decimal one of the file: a comma where
    semicolons separate the fields, else the point.

    Args:
        text: numbers throughout, as they stand in the file.
        comma: whether a comma may be the decimal sign.

    Returns:
        The row, from 0; ``None`` if there is no doubt.
    """
    signs = ".," if comma else "."
    with_sign = {sign: text.str.contains(sign, literal=True) for sign in signs}
    if comma and all(found.any() for found in with_sign.values()):
        return max(int(found.arg_true()[0]) for found in with_sign.values())
    for sign, found in with_sign.items():
        if not found.any() or not _all_grouped(text.filter(found)):
            continue
        is_usual = sign == ("," if comma else ".")
        if not is_usual or not found.all():
            return int(found.arg_true()[0])
    return None


def _all_grouped(text: pl.Series) -> bool:
    return all(bool(part.str.contains(GROUPED).all()) for part in (text.head(_HEAD), text))


def _count_plain(text: pl.Series) -> int:
    return len(text) - text.cast(pl.Float64, strict=False).null_count()
