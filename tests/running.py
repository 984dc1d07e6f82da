"""How tests compose and run a configuration: in this process, as the command line would."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from omegaconf import DictConfig

from deltaflow import experiment
from deltaflow.composition import compose_run
from deltaflow.options import config_directory
from deltaflow.run import Run

CONF = config_directory()
ROOT = CONF.parent
TABLE = ROOT / "tests" / "my.csv"


def composed(overrides: list[str], directory: Path) -> DictConfig:
    return compose_run(overrides, directory)[0]


def run(overrides: list[str], directory: Path, **named) -> Run:
    config, choices = compose_run(overrides, directory)
    return experiment.run(config, directory, choices, overrides, **named)


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def in_a_terminal(arguments: list[str], directory: Path, script: str = "train.py") -> str:
    """All that a script writes to a terminal of its own."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / script), *arguments], stdout=slave, stderr=slave,
        cwd=directory, env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(slave)
    seen = b""
    while True:
        try:
            chunk = os.read(master, 65536)
        except OSError:  # Linux's way to say that the other side has closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(master)
    assert process.wait() == 0
    return seen.decode()
