"""Where options and the user's own files are, and by what name a part goes."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from deltaflow.config.instantiation import GROUPS


def config_directory() -> Path:
    """``conf/`` within the installed package, or of the checkout, where it has no copy."""
    packaged = Path(__file__).parents[1] / "conf"
    return packaged if packaged.exists() else Path(__file__).parents[3] / "conf"


def starting_folder() -> Path:
    """The folder where the command runs, from which the user's own paths start.

    With ``hydra.job.chdir=true``, the working directory of a run is another one.
    """
    hydra: Any = HydraConfig.instance().cfg  # a DictConfig, whatever its type says
    if hydra is None or not OmegaConf.select(hydra, "hydra.job.chdir"):
        return Path.cwd()
    return Path(OmegaConf.select(hydra, "hydra.runtime.cwd"))


def option_names(config: DictConfig, choices: Mapping[str, str | None]) -> dict[str, str | None]:
    """The option of each group, by which its part is called.

    Where a ``_target_`` was put in place of the option's own, it is the class's short name.
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
