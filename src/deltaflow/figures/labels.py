"""Other people's strings in a picture: no formulas, no missing letters, no endless lines."""

import textwrap
from functools import cache

from matplotlib.font_manager import findfont, get_font


def plain(text: str) -> str:
    r"""A text as matplotlib can show it, in one line.

    Args:
        text: of anybody.

    Returns:
        The same, with letters that the font lacks as □, and dollars that begin no formula.

    >>> print(plain("a$b$ \U0001f9ea"))
    a\$b\$ □
    """
    shown = "".join(letter if ord(letter) in _letters() else "□" for letter in _line(text))
    return shown.replace("$", r"\$")


def wrapped(text: str, width: int, n_lines: int) -> str:
    """The same in lines of at most so many letters; what does not fit ends in an ellipsis.

    >>> wrapped("activation=relu init=he", 16, 2).splitlines()
    ['activation=relu', 'init=he']
    """
    lines = textwrap.wrap(_line(text), width, max_lines=n_lines, placeholder=" …")
    return "\n".join(map(plain, lines))


def _line(text: str) -> str:
    return " ".join(text.split())


@cache
def _letters() -> frozenset[int]:
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())
