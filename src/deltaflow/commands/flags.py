"""What may be typed beside overrides, and in what order."""

from argparse import ArgumentError
from collections.abc import Sequence

from hydra._internal.utils import get_args_parser

from deltaflow.config.composition import refuse_long
from deltaflow.system.errors import UserError


def check_flags(arguments: Sequence[str]) -> None:
    """Refuse flags that do not exist, are used wrongly, or stand between overrides.

    Args:
        arguments: as typed.

    Raises:
        ValueError: for the first, and for an argument that is no text.
    """
    refuse_long(arguments)
    for argument in arguments:
        if _has_other_bytes(argument):
            raise UserError(
                f"What is typed must be text in UTF-8. Found {argument!r}, with other bytes. "
                "Rename the file or folder that is called so."
            )
    parser = get_args_parser()
    parser.exit_on_error = False  # it would say more than what is wrong
    try:
        known, stray = parser.parse_known_args(list(arguments))
    except ArgumentError as error:
        raise UserError(
            f"Flags must be used as --hydra-help shows. Found {error}. Correct it there, or leave "
            "it out."
        ) from error
    if known.experimental_rerun is not None:
        raise UserError(
            "A run is trained again by its overrides. Found --experimental-rerun, which runs what "
            "a pickle holds. Type the overrides in the run's .hydra/overrides.yaml."
        )
    for argument in stray:
        if argument.startswith("-"):
            raise UserError(
                f"A flag must be one that there is. Found `{argument}`. --help lists the usual "
                "ones, --hydra-help all of them."
            )
        raise UserError(
            f"Flags must stand before or after all overrides. Found `{argument}` behind a flag "
            "that is behind other overrides. Move the flags to the end."
        )


def _has_other_bytes(argument: str) -> bool:
    """Whether Python could not decode all of an argument, and kept bytes as half characters."""
    return any("\ud800" <= character <= "\udfff" for character in argument)
