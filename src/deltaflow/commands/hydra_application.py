"""Runs Hydra with given arguments instead of ``sys.argv``.

`hydra.main` reads only ``sys.argv``, and its parser prints more than the error. There is no public
alternative, so this module, and no other, calls private functions of Hydra.
"""

import string
from argparse import ArgumentError, Namespace
from collections.abc import Callable, Sequence

from hydra import version
from hydra._internal.utils import _run_hydra, get_args_parser
from omegaconf import DictConfig, OmegaConf

from deltaflow.config.composition.runs import refuse_long
from deltaflow.config.options import config_directory
from deltaflow.system.errors import UserError


def run_application(
    application: Callable[[DictConfig], float | None], arguments: Sequence[str]
) -> None:
    """Call an application with the configuration that Hydra composes, or each of a sweep.

    Raises:
        ValueError: if a flag does not exist, is used wrongly or stands between overrides, or an
            argument is not UTF-8.
    """
    if list(arguments) in (["--help"], ["-h"]):
        print(help_text())  # noqa: T201
        return
    version.setbase("1.3")
    _run_hydra(
        args=_parsed(arguments), args_parser=get_args_parser(), task_function=application,
        config_path=str(config_directory()), config_name="train",
    )  # fmt: skip


def help_text() -> str:
    """The text of ``--help``, without the groups of Hydra's plugins, which take two seconds."""
    conf = config_directory()
    groups: dict[str, list[str]] = {}
    for file in sorted(path.relative_to(conf) for path in conf.rglob("*/*.yaml")):
        if file.parts[0] != "hydra":
            groups.setdefault(file.parent.as_posix(), []).append(file.stem)
    listed = "".join(f"{group}: {', '.join(groups[group])}\n" for group in sorted(groups))
    ours = OmegaConf.load(conf / "hydra" / "help" / "deltaflow.yaml")
    config = OmegaConf.create({"hydra": {"help": ours}})  # the template refers to it
    return string.Template(config.hydra.help.template).substitute(APP_CONFIG_GROUPS=listed)


def _parsed(arguments: Sequence[str]) -> Namespace:
    refuse_long(arguments)
    for argument in arguments:
        if any(
            "\ud800" <= character <= "\udfff" for character in argument
        ):  # a byte that is not UTF-8
            raise UserError(
                f"What is typed must be text in UTF-8. Found {argument!r}, with other bytes. "
                "Rename the file or folder that is called so."
            )
    parser = get_args_parser()
    parser.exit_on_error = False  # it would print the usage as well
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
    return known
