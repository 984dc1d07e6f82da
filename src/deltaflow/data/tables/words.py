"""What a value in words says: a number, a date, or that there is none."""

import re

MISSING_WORDS = ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "?")
"""What says that a value is missing, in capitals or not; other words are categories."""

MISSING_AMONG_NUMBERS = ("-", "--", "\u2013", "\u2014", ".", "none", "missing", "unknown")
"""What says the same in a column that is numeric but for it."""

_NUMBER = re.compile(  # as Python writes it, or with a comma, or with U+2212 for a minus
    r"[-+\u2212]?(?:[0-9]+\.?[0-9]*|\.[0-9]+|[0-9]*,[0-9]+)(?:e[-+\u2212]?[0-9]+)?"
    r"|[-+]?inf(?:inity)?",
    re.IGNORECASE,
)
_NUMERIC = re.compile(  # perhaps not plainly so
    r"[(\"'“„‘]?[-+\u2212\u2013]?[$€£]?\s*[-+\u2212\u2013]?[.,]?\d[\d.,'’\s]*([eE][-+\u2212]?\d+)?"
    r"(\s*[%$€£]|\s+[^\W\d_]{1,3})?[)\"'“”’]?"  # with a unit
)
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?"  # 2024-01-05, 2024-01
    r"|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})"  # 5.1.2024
    rf"|\d{{1,2}}[-/ .]+{_MONTH}([-/ .,]+\d{{2,4}})?"  # 05-Jan-2024
    rf"|{_MONTH}[-/ .]+\d{{1,4}}([, ]+\d{{4}})?"  # Jan 05 2024, January 2024
    r")([T ,]+\d.*)?"
    r"|\d{1,2}(:\d{2}){1,2}(\.\d+)?( ?[ap]\.?m\.?)?",  # 12:30
    re.IGNORECASE,
)


def number(text: str, signs: str = ".") -> float | None:
    """A number in words, with one of the signs before its decimals; ``None`` if it is none."""
    if not _NUMBER.fullmatch(text) or ("," in text and "," not in signs):
        return None
    return float(text.replace(",", ".").replace("\u2212", "-"))


def is_numeric(text: str) -> bool:
    """Whether it is a number, though perhaps not plainly so."""
    return _NUMERIC.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Whether it is a date or a time."""
    return _DATE.fullmatch(text) is not None


def word(value: float | bool | str) -> str:
    """A value in words: whole numbers without a point, truth as YAML has it.

    >>> word(3.0), word(0.5), word(True), word("setosa")
    ('3', '0.5', 'true', 'setosa')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
