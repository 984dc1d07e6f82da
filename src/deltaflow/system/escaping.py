r"""Escapes strings of unknown origin, so that a terminal does not take them for commands.

>>> literal("red\x1b[31m"), literal("two\nlines"), brief("a" * 99)[-2:]
('red\\x1b[31m', 'two\\nlines', 'a…')
"""

from collections.abc import Sequence
from pathlib import Path

_LONGEST = 60  # characters of a name or value in a message


def literal(text: str) -> str:
    """The text on one line, with escape sequences for characters that are not printable."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def brief(text: str) -> str:
    """The text as :func:`literal` shows it, cut to 60 characters."""
    return literal(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def listing(names: Sequence[str], most: int = 12) -> str:
    """Names for a message, at most the first ``most`` of them.

    >>> listing(["a", "b", "c"], most=2)
    '`a`, `b` and 1 more'
    """
    shown = ", ".join(f"`{brief(name)}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def printable(text: str) -> str:
    r"""The text with a replacement for each character that a terminal would take for a command.

    >>> printable("red \x1b[31m\nline")
    'red �[31m\nline'
    """
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "�" for c in text)


def encodable(text: str) -> str:
    r"""The text without lone surrogates, which UTF-8 cannot encode.

    They come from JSON, and from file names that are not in UTF-8.

    >>> encodable("a\udcff")
    'a?'
    """
    return text.encode("utf-8", "replace").decode()


def short_path(path: Path) -> str:
    """The path relative to the working directory; unchanged if it lies elsewhere."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
