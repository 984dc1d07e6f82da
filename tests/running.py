"""How tests compose and run a configuration: in this process, as the command line would."""

from pathlib import Path

from omegaconf import DictConfig

from deltaflow import cli, experiment
from deltaflow.composition import compose_run
from deltaflow.run import Run

CONF = cli.config_directory()
ROOT = CONF.parent
TABLE = ROOT / "tests" / "my.csv"


def composed(overrides: list[str], directory: Path) -> DictConfig:
    return compose_run(overrides, directory)[0]


def run(overrides: list[str], directory: Path, **named) -> Run:
    config, choices = compose_run(overrides, directory)
    return experiment.run(config, directory, choices, overrides, **named)


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))
