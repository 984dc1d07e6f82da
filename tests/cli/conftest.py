import sys
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest

from deltaflow import cli


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
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HYDRA_FULL_ERROR", full_error)
        monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        monkeypatch.setattr(threading, "excepthook", threading.excepthook)
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err, tmp_path)

    return command
