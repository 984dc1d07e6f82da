"""The folders of options and of the user's files, and the names of the chosen options."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from deltaflow.config.instantiation import GROUPS
from deltaflow.system.installation import PACKAGE, checkout


def config_directory() -> Path:
    """The folder ``conf/``, in the checkout or in the installed package."""
    return (checkout() or PACKAGE) / "conf"


def starting_folder() -> Path:
    """The folder where the command was started, which the user's relative paths refer to.

    With ``hydra.job.chdir=true``, the working directory of a run is a different one.
    """
    hydra: Any = HydraConfig.instance().cfg  # a DictConfig, in spite of its annotation
    if hydra is None or not OmegaConf.select(hydra, "hydra.job.chdir"):
        return Path.cwd()
    return Path(OmegaConf.select(hydra, "hydra.runtime.cwd"))


def option_names(config: DictConfig, choices: Mapping[str, str | None]) -> dict[str, str | None]:
    """The name of the part in each group: its option, or its class if ``_target_`` was changed.

    Args:
        config: the configuration of a run.
        choices: the option chosen in each config group.
    """
    names = dict(choices)
    for group in GROUPS:
        file = config_directory() / group / f"{choices.get(group)}.yaml"
        if not file.exists():
            continue
        target = OmegaConf.select(config, f"{group}._target_")
        if target != _target(file, file.stat().st_mtime_ns):
            names[group] = str(target).rpartition(".")[2]
    return names


@cache  # the runs of a sweep ask for the same options
def _target(file: Path, _changed: int) -> str | None:
    return OmegaConf.select(OmegaConf.load(file), "_target_")  # type: ignore[no-any-return]
