"""Which columns of a table are used: the target, the features, and what is left out."""

import difflib
from collections.abc import Sequence

from deltaflow.data.files import TableFile
from deltaflow.data.layout import is_number
from deltaflow.data.reading import listing
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal


def target_name(file: TableFile, target: str | int | None) -> str:
    """The column to predict.

    Args:
        file: the table.
        target: as it was set.

    Raises:
        ValueError: if none was set, or there is none of that name.
    """
    if target is None:
        raise UserError(
            f"`data.target` must name the column to predict. Found null. {literal(file.path)} has "
            f"{listing([name for name in file.names if name])}."
        )
    _refuse_unknown(file, "target", [str(target)])
    return str(target)


def left_out_columns(
    file: TableFile,
    target: str,
    features: str | Sequence[str | int] | None,
    drop: str | Sequence[str | int] | None,
) -> dict[str, str]:
    """The columns that are not looked at, and why.

    Args:
        file: the table.
        target: the column to predict.
        features: as they were set.
        drop: as it was set.

    Raises:
        ValueError: if the target is among them, or there is none of such a name.
    """
    chosen = {"features": as_names(features), "drop": as_names(drop)}
    for setting, names in chosen.items():
        _refuse_unknown(file, setting, names)
        if target in names:
            raise UserError(
                f"`data.{setting}` must not hold the column to predict. Found the target "
                f"`{brief(target)}` in it. Take it out, or choose another `data.target`."
            )
    used = set(file.names if features is None else (target, *chosen["features"]))
    left_out = {name: "not in data.features" for name in file.names if name not in used}
    unnamed = {name: "no name" for name in file.names if not name}
    return left_out | dict.fromkeys(chosen["drop"], "data.drop") | unnamed


def as_names(names: str | Sequence[str | int] | None) -> list[str]:
    """The names in a setting that may be one, or many, or nothing."""
    if isinstance(names, str):
        return [names]
    return [str(name) for name in names or ()]


def _refuse_unknown(file: TableFile, setting: str, names: Sequence[str]) -> None:
    there = set(file.names)
    for name in names:
        if name in there:
            continue
        known = [column for column in file.names if column]
        nearest = difflib.get_close_matches(name, known, n=1)
        advice = f"Did you mean `{brief(nearest[0])}`?" if nearest else f"It has {listing(known)}."
        raise UserError(
            f"`data.{setting}` must name columns of {literal(file.path)}. Found `{brief(name)}`, "
            f"which is none of them. {advice}{_header_hint(file)}"
        )


def _header_hint(file: TableFile) -> str:
    data = [name for name in file.names if is_number(name)]
    if file.separator is None or not data:
        return ""
    return f" If the first line, with {listing(data, most=3)}, is data, add a line of names above."
