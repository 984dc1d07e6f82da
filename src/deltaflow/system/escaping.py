r"""Foreign strings in messages, escaped: a terminal must not take them for commands.

>>> literal("red\x1b[31m"), literal("two\nlines"), brief("a" * 99)[-2:]
('red\\x1b[31m', 'two\\nlines', 'a…')
"""

from collections.abc import Sequence
from pathlib import Path

_LONGEST = 60  # characters of a name or value that are shown


def literal(text: str) -> str:
    """A text of a file as it can be shown: visible, and on one line."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def brief(text: str) -> str:
    """The same of a name or value, which may be as long as a book."""
    return literal(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def listing(names: Sequence[str], most: int = 12) -> str:
    """Names, the first of them if they are many.

    >>> listing(["a", "b", "c"], most=2)
    '`a`, `b` and 1 more'
    """
    shown = ", ".join(f"`{brief(name)}`" for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def printable(text: str) -> str:
    r"""A text of anybody, without what a terminal would take for a command.

    >>> printable("red \x1b[31m\nline")
    'red �[31m\nline'
    """
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "�" for c in text)


def encodable(text: str) -> str:
    r"""A text without halves of surrogate pairs, which no file in UTF-8 can hold.

    JSON can spell them, and a name of a file that is not in UTF-8 is read with them.

    >>> encodable("a\udcff")
    'a?'
    """
    return text.encode("utf-8", "replace").decode()


def short_path(path: Path) -> str:
    """A path as seen from the working directory, if that is above it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
