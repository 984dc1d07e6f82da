"""Parses single texts: numbers, dates, and words for missing values."""

import re

MISSING_WORDS = ("", "na", "n/a", "#n/a", "<na>", "nan", "null", "?")
"""Words for a missing value, in lower case; other words are categories."""

MISSING_AMONG_NUMBERS = ("-", "--", "\u2013", "\u2014", ".", "none", "missing", "unknown")
"""Words for a missing value in a column that is otherwise numeric."""

_NUMBER = re.compile(  # Python's notation; a comma as point and U+2212 as minus are allowed
    r"[-+\u2212]?(?:[0-9]+\.?[0-9]*|\.[0-9]+|[0-9]*,[0-9]+)(?:e[-+\u2212]?[0-9]+)?"
    r"|[-+]?inf(?:inity)?",
    re.IGNORECASE,
)
_NUMERIC = re.compile(  # also with a unit, a currency sign or brackets
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
    """The number that a text is, with one of ``signs`` as decimal point; ``None`` if it is none."""
    if not _NUMBER.fullmatch(text) or ("," in text and "," not in signs):
        return None
    return float(text.replace(",", ".").replace("\u2212", "-"))


def is_numeric(text: str) -> bool:
    """Whether a text looks like a number, perhaps with a unit."""
    return _NUMERIC.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Whether a text looks like a date or a time."""
    return _DATE.fullmatch(text) is not None


def value_text(value: float | bool | str) -> str:
    """A value as text: whole numbers without a point, truth values as in YAML.

    >>> value_text(3.0), value_text(0.5), value_text(True), value_text("setosa")
    ('3', '0.5', 'true', 'setosa')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
