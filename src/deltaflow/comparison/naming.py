"""A configuration by the name that somebody gives it."""

from collections.abc import Sequence

from deltaflow.comparison.configuration import Configuration, read_value, text
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal

_SHOWN = 5  # labels in a message


def find_configuration(name: str, configurations: Sequence[Configuration]) -> int:
    """The number of the configuration that a name means.

    Args:
        name: the label, or pieces of it, such as ``relu depth=10``; a piece with an equals sign
            that is a setting's name and value means that setting alone.
        configurations: to choose from.

    Returns:
        Its number.

    Raises:
        ValueError: if none is meant, or several.
    """
    exact = [one for one in configurations if one.label == name.strip()]
    pieces = [piece for piece in name.split() if piece != "·"]  # as a ranking has between values
    found = exact or [one for one in configurations if all(_fits(p, one) for p in pieces)]
    if len(found) == 1 and pieces:
        return found[0].number
    shown = [f"`{literal(one.label)}`" for one in (found or configurations)[:_SHOWN]]
    more = len(found or configurations) - len(shown)
    said = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    if len(found) > 1 and pieces:
        raise UserError(
            f"A baseline must name one configuration. Found {len(found)} for `{name}`: {said}. "
            "Add what sets it apart, as in `--baseline 'activation=relu init=he'`."
        )
    raise UserError(
        f"A baseline must name a configuration, by its label or a part of it. Found `{name}`, "
        f"which none has. There are {said}."
    )


def _fits(piece: str, one: Configuration) -> bool:
    """Whether a piece of a name speaks of a configuration."""
    axis, equals, value = piece.partition("=")
    if equals and axis in one.axes:
        return text(read_value(value)) == text(one.axes[axis])
    return piece in one.label
