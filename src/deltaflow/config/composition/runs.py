"""Composes a run's configuration in Python, as Hydra does for the command line.

Importing this module registers the schema and the resolvers of ``conf/`` with Hydra. Worker
processes of a parallel launcher import it with the command, before they compose.

>>> from pathlib import Path
>>> config, choices = compose_run(["activation=tanh"], Path("somewhere"))
>>> choices["activation"], config.activation
('tanh', {'_target_': 'torch.nn.Tanh'})
"""

import os
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import fields
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ValidationError

from deltaflow.config.arguments import as_typed
from deltaflow.config.composition.value_overrides import compose_by_choices
from deltaflow.config.names import axes, slug, sweep_directory, unique_name, with_quoted_paths
from deltaflow.config.options import config_directory
from deltaflow.config.schema import RunConfig
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief

ConfigStore.instance().store(name="schema", node=RunConfig)
OmegaConf.register_new_resolver("deltaflow.slug", slug, replace=True)
for _name, _resolver in (
    ("unique", unique_name), ("axes", axes), ("sweep_directory", sweep_directory)
):  # fmt: skip  # once for all runs of a sweep
    OmegaConf.register_new_resolver(f"deltaflow.{_name}", _resolver, use_cache=True, replace=True)

Own = TypeVar("Own")

MAX_VALUES = 3000
"""Largest number of values in an override: Hydra parses about 600 per second, more than once."""


def compose_run(
    overrides: Sequence[str], directory: Path, config_dir: Path | None = None
) -> tuple[DictConfig, dict[str, str | None]]:
    """Compose the configuration of one run.

    Args:
        overrides: overrides as on the command line.
        directory: the run directory.
        config_dir: a folder with the user's own options; ``None`` if there is none.

    Returns:
        The configuration with all references resolved, and the option chosen in each group.

    Raises:
        hydra.errors.HydraException: for overrides that the command line would refuse.
        ValueError: for an override that is too long, or if ``config_dir`` is no folder.
    """
    refuse_long(overrides)
    given = overrides = with_quoted_paths(overrides)
    if config_dir is not None:
        if not config_dir.is_dir():
            raise UserError(
                f"--config-dir must be a folder. Found {config_dir}, which is none. "
                "Check the path: it starts where the command runs."
            )
        folder = str(config_dir.absolute()).replace("'", r"\'")
        overrides = [f"hydra.searchpath=['file://{folder}']", *overrides]
    if any(override.lstrip("+").startswith("hydra.searchpath=") for override in given):
        whole = _compose(overrides)
    else:
        state = _state([config_directory(), *([] if config_dir is None else [config_dir])])
        once = partial(_compose_once, state=state)
        whole = compose_by_choices(overrides, _compose, lambda choices: once(tuple(choices)))
    with open_dict(whole):
        whole.hydra.runtime.output_dir = str(directory.absolute())
    hydra = HydraConfig.instance()
    before = hydra.cfg
    hydra.set_config(whole)  # what ${hydra:…} refers to
    try:
        config = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
        OmegaConf.resolve(config)
    finally:
        hydra.cfg = before
    return config, dict(whole.hydra.runtime.choices)


def _compose(overrides: Sequence[str]) -> DictConfig:
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        return compose("train", list(overrides), return_hydra_config=True)


@lru_cache(128)
def _compose_once(overrides: tuple[str, ...], state: Hashable) -> DictConfig:
    """Compose, or return an earlier result with the same overrides and the same ``state``."""
    return _compose(overrides)


def _state(folders: Sequence[Path]) -> Hashable:
    """A value that changes with all that Hydra reads: files, registered options, and directory."""
    files = [path for folder in folders for path in folder.absolute().rglob("*.yaml")]
    changed = frozenset((str(path), *_file_state(path)) for path in files)
    return changed, repr(ConfigStore.instance().repo), os.getcwd()


def _file_state(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:  # a broken link, or a file that has just been removed
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


def list_of_overrides(overrides: Iterable[str], expected: str, example: str) -> list[str]:
    """The overrides that a function was given; text alone would be taken for its letters.

    Args:
        overrides: what the function was given.
        expected: what the function expects, in a sentence.
        example: code that calls it.

    Raises:
        ValueError: if it is no list of texts.
    """
    found = [overrides] if isinstance(overrides, str) else list(overrides)
    if isinstance(overrides, str) or not all(isinstance(one, str) for one in found):
        raise UserError(f"{expected} Found {found!r}. Use `{example}`.")
    return found


def refuse_long(overrides: Iterable[str]) -> None:
    """Refuse overrides with so many values that Hydra would parse them for many seconds.

    Raises:
        ValueError: for the first override with more than ``MAX_VALUES`` values.
    """
    for override in overrides:
        if (n_values := override.count(",") + 1) > MAX_VALUES:
            raise UserError(
                f"An override must have at most {MAX_VALUES:,} values. Found {n_values:,} in "
                f"`{brief(override)}`. Give fewer, or put them into a file of --config-dir."
            )


def split_settings(
    arguments: Sequence[str], kind: type[Own], command: str
) -> tuple[Own, list[str]]:
    """Separate a command's own settings from the overrides of a run.

    Args:
        arguments: arguments of the command line, without flags.
        kind: a dataclass with the command's settings and their defaults.
        command: name of the command, for messages.

    Returns:
        The settings, and the overrides of the run.

    Raises:
        ValueError: if a setting has several values, or a value of another type.
    """
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    parsed = OverridesParser.create().parse_overrides(list(arguments))
    if sweeps := [o.input_line for o in parsed if o.is_sweep_override()]:
        raise UserError(
            f"{command} takes one value for each setting. Found `{sweeps[0]}`. Run it twice, or "
            "put [ ] around a list."
        )
    own = {o.key_or_group: o.value() for o in parsed if o.key_or_group in names}
    typed = OmegaConf.structured(kind)
    for name, value in own.items():
        try:
            typed = OmegaConf.merge(typed, {name: value})
        except ValidationError as error:
            raise UserError(
                f"`{name}` must be such as --help shows. Found {as_typed(value)}. "
                "Leave it out for its default."
            ) from error
    settings = OmegaConf.to_object(typed)
    assert isinstance(settings, kind)
    return settings, [str(o.input_line) for o in parsed if o.key_or_group not in names]
