"""How tests compose and run a configuration: in this process, as the command line would."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from deltaflow import cli, experiment

CONF = cli.config_directory()
ROOT = CONF.parent


def composed(overrides: list[str], directory: Path) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", [*overrides, f"run_dir={directory}"])


def run(overrides: list[str], directory: Path) -> experiment.Result:
    choices = {}
    with initialize_config_dir(str(CONF), version_base="1.3"):
        whole = compose("train", [*overrides, f"run_dir={directory}"], return_hydra_config=True)
        choices = dict(whole.hydra.runtime.choices)
    return experiment.run(composed(overrides, directory), directory, choices, overrides)


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))
