"""Selects the columns of a table: the targets, the features, and those that are left out."""

import difflib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from deltaflow.config.arguments import as_typed
from deltaflow.data.files.formats import is_number
from deltaflow.data.files.table_file import TableFile
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, listing, literal

_NO_NAME = re.compile(r"(Unnamed: \d+)?")  # the name that pandas gives to an index without one
_KEYWORDS = ("true", "false", "null", "nan", "inf")  # texts that Hydra parses as other values
_ESCAPED = re.compile(r'(\\+)$|(\\*)(")')
_Names = str | Sequence[str | int] | None


@dataclass(frozen=True)
class Selection:
    """The columns of a file that are used.

    Attributes:
        path: path of the file, as the user gave it.
        targets: names of the columns to predict.
        features: names of the feature columns, in the order of the file.
        left_out: why each other column is not used, by name.
        dropped: columns that ``data.drop`` names.
    """

    path: str
    targets: tuple[str, ...]
    features: tuple[str, ...]
    left_out: dict[str, str]
    dropped: tuple[str, ...]

    def drop(self, names: Sequence[str]) -> str:
        """The override that leaves out these columns in addition."""
        return drop_override([*self.dropped, *names])


def select(
    file: TableFile, target: str | int | _Names, features: _Names, drop: _Names, ordered: _Names
) -> Selection:
    """Select columns by the settings. Columns without a name are used only if they are named.

    Args:
        file: the table.
        target: the column to predict, or several.
        features: the feature columns; ``None`` for all except the target.
        drop: columns to leave out.
        ordered: feature columns with an order.

    Raises:
        ValueError: if there is no target, a column does not exist, or the target is also a
            feature or left out.
    """
    targets = list(dict.fromkeys([str(target)] if isinstance(target, int) else _as_names(target)))
    if not targets:
        raise UserError(
            f"`data.target` must name the column to predict. Found {as_typed(target)}. "
            f"{literal(file.path)} has {listing([name for name in file.names if name])}."
        )
    chosen = {"features": _as_names(features), "drop": _as_names(drop), "order": _as_names(ordered)}
    for setting, names in {"target": targets, **chosen}.items():
        _refuse_unknown(file, setting, names)
        if setting != "target" and (both := [name for name in names if name in targets]):
            raise UserError(
                f"`data.{setting}` must not hold the column to predict. Found the target "
                f"`{brief(both[0])}` in it. Take it out, or choose another `data.target`."
            )
    left_out = {}
    for name in file.names:
        if name in chosen["drop"]:
            left_out[name] = "data.drop"
        elif features is None and _NO_NAME.fullmatch(name):
            left_out[name] = "no name"
        elif features is not None and name not in chosen["features"]:
            left_out[name] = "not in data.features"
    for name in targets:
        left_out.pop(name, None)
    used = (name for name in file.names if name not in targets and name not in left_out)
    return Selection(file.path, tuple(targets), tuple(used), left_out, tuple(chosen["drop"]))


def drop_override(names: Sequence[str]) -> str:
    r"""The override that leaves columns out, quoted as Hydra and the shell need it.

    >>> drop_override(["a", "b"])
    'data.drop=[a,b]'
    >>> print(drop_override(["height, cm", "1"]))
    'data.drop=["height, cm","1"]'
    """
    plain = [
        re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and name.lower() not in _KEYWORDS
        for name in names
    ]
    shown = [
        name if is_plain else f'"{_ESCAPED.sub(_escape, literal(name))}"'
        for name, is_plain in zip(names, plain, strict=True)
    ]
    override = f"data.drop=[{','.join(shown)}]"
    return override if all(plain) else shlex.quote(override)


def _escape(found: re.Match[str]) -> str:
    at_end, before_quote, quote = found.groups(default="")
    return 2 * (at_end + before_quote) + (r"\"" if quote else "")


def _as_names(names: _Names) -> list[str]:
    return [names] if isinstance(names, str) else [str(name) for name in names or ()]


def _refuse_unknown(file: TableFile, setting: str, names: Sequence[str]) -> None:
    there = set(file.names)
    for name in names:
        if name in there:
            continue
        known = [column for column in file.names if column]
        nearest = difflib.get_close_matches(name, known, n=1)
        advice = f"Did you mean `{brief(nearest[0])}`?" if nearest else f"It has {listing(known)}."
        if file.separator is not None and len(known) == 1:
            advice = f"Its only column is {listing(known)}; fields must be separated by a comma, a "
            advice += "semicolon, a tab or a bar."
        data = [column for column in file.names if is_number(column)]
        if file.separator is not None and data:
            advice += f" If the first line, with {listing(data, most=3)}, is data, add a line of "
            advice += "names above."
        raise UserError(
            f"`data.{setting}` must name columns of {literal(file.path)}. Found `{brief(name)}`, "
            f"which is none of them. {advice}"
        )
