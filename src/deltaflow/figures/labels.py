"""Makes users' strings safe to draw: no formulas, no missing glyphs, limited length."""

import textwrap
from functools import cache

from matplotlib.font_manager import findfont, get_font


def plain(text: str) -> str:
    r"""Make a text that Matplotlib draws literally, in one line.

    Returns:
        The text with □ for characters that the font lacks, and with escaped dollar signs, which
        would begin a formula.

    >>> print(plain("a$b$ \U0001f9ea"))
    a\$b\$ □
    """
    shown = "".join(letter if ord(letter) in _letters() else "□" for letter in _line(text))
    return shown.replace("$", r"\$")


def wrapped(text: str, width: int, n_lines: int) -> str:
    """Like :func:`plain`, but in at most ``n_lines`` lines of ``width`` characters, with «…».

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
