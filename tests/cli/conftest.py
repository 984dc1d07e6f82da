import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from running import TERMINAL, terminal, type_in


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str
    directory: Path

    @property
    def summaries(self) -> list[Path]:
        return sorted(self.directory.glob("outputs/**/summary.json"))


@pytest.fixture
def deltaflow(monkeypatch, tmp_path, capsys):
    """The command line, in this process and in an empty folder."""

    def command(*arguments: str, full_error: str = "0") -> Outcome:
        status = type_in(monkeypatch, tmp_path, *arguments, full_error=full_error)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err, tmp_path)

    return command


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """All that a command that succeeds writes to a terminal."""

    def command(*arguments: str) -> str:
        for name, value in TERMINAL.items():
            monkeypatch.setenv(name, value)
        with terminal() as (its, seen), os.fdopen(its, "w", closefd=False) as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            monkeypatch.setattr(sys, "stderr", stream)
            assert type_in(monkeypatch, tmp_path, *arguments) == 0
        return seen.getvalue().decode()

    return command
