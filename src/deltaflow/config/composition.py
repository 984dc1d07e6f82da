"""Compose a run's configuration from Python, as Hydra does for the command line.

Commands beside the training take a run's overrides too, with a few settings of their own.

To import this module is to tell Hydra what it must know first: the schema, and the resolvers of
conf/. Worker processes of a parallel launcher import it with the command, before they compose.

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
from deltaflow.config.names import axes, slug, sweep_directory, unique_name
from deltaflow.config.options import config_directory
from deltaflow.config.schema import RunConfig
from deltaflow.config.value_overrides import compose_by_choices
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief

ConfigStore.instance().store(name="schema", node=RunConfig)
OmegaConf.register_new_resolver("deltaflow.slug", slug, replace=True)
for _name, _resolver in (
    ("unique", unique_name), ("axes", axes), ("sweep_directory", sweep_directory)
):  # fmt: skip  # once for all runs of a sweep
    OmegaConf.register_new_resolver(f"deltaflow.{_name}", _resolver, use_cache=True, replace=True)

Own = TypeVar("Own")

MOST_VALUES = 3000
"""Values that an override may have: Hydra reads some six hundred a second, more than once."""


def compose_run(
    overrides: Sequence[str], directory: Path, config_dir: Path | None = None
) -> tuple[DictConfig, dict[str, str | None]]:
    """The configuration of one run, and the option chosen in each group.

    Args:
        overrides: as on the command line.
        directory: where the run will leave its records.
        config_dir: a folder that adds options of one's own.

    Returns:
        The configuration with all references resolved, and options by group.

    Raises:
        hydra.errors.HydraException: for overrides that the command line would refuse.
        ValueError: for an override that is too long, or if the folder is none.
    """
    refuse_long(overrides)
    given = overrides
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
    """The same, for as long as all that Hydra reads is in one state."""
    return _compose(overrides)


def _state(folders: Sequence[Path]) -> Hashable:
    """What changes with what Hydra reads: files, registered options, and where it is started."""
    files = [path for folder in folders for path in folder.absolute().rglob("*.yaml")]
    changed = frozenset((str(path), *_written(path)) for path in files)
    return changed, repr(ConfigStore.instance().repo), os.getcwd()


def _written(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:  # a link to nowhere, or gone in between
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino


def refuse_long(overrides: Iterable[str]) -> None:
    """Refuse an override that Hydra would not have read for many seconds.

    Raises:
        ValueError: for the first that has more than ``MOST_VALUES`` values.
    """
    for override in overrides:
        if (n_values := override.count(",") + 1) > MOST_VALUES:
            raise UserError(
                f"An override must have at most {MOST_VALUES:,} values. Found {n_values:,} in "
                f"`{brief(override)}`. Give fewer, or put them into a file of --config-dir."
            )


def split_settings(
    arguments: Sequence[str], kind: type[Own], command: str
) -> tuple[Own, list[str]]:
    """A command's own settings, and the overrides that belong to the run.

    Args:
        arguments: as on the command line, without flags.
        kind: a dataclass with the command's settings and their defaults.
        command: what to call it in a message.

    Returns:
        The settings, of the types that the dataclass gives them, and the overrides.

    Raises:
        ValueError: for several values of a setting, or one of another type.
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
