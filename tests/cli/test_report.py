"""The command that reports on runs, and what every multirun ends with."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from deltaflow.commands.analysis import report as reporting
from running import ROOT, exit_status
from written import write_run

SHORT = ["logger=none", "trainer.max_epochs=1", "network.width=4"]
PARTS = {"runs.parquet", "runs.csv", "figures"}


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str


@pytest.fixture
def report(monkeypatch, tmp_path, capsys):
    """The command line, in this process and in an empty folder."""

    def command(*arguments: str) -> Said:
        monkeypatch.chdir(tmp_path)
        status = exit_status(reporting.main, arguments)
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return command


@pytest.fixture
def sweeps(tmp_path):
    """Two sweeps of two runs each, over activations and over depths."""
    for name, settings in {"a": ("activation=relu", "activation=tanh"),
                           "b": ("network.depth=2", "network.depth=5")}.items():  # fmt: skip
        for number, setting in enumerate(settings):
            write_run(tmp_path / name / f"{number}_{setting}", [setting],
                      accuracy=lambda s, n=number: 0.8 + 0.1 * n + 0.01 * s * n)  # fmt: skip
    return tmp_path


def parts(folder):
    return {path.name for path in folder.iterdir() if path.name in PARTS}


def test_a_report_goes_into_the_sweep(report, sweeps):
    said = report("a")
    assert (said.status, said.err) == (0, "")
    assert "Ranking" in said.out
    assert said.out.index("tanh") < said.out.rindex("relu")
    assert "Report       a/report.html" in said.out.splitlines()
    assert parts(sweeps / "a") == PARTS


def test_several_sweeps_are_merged_into_a_report_of_their_own(report, sweeps):
    said = report("a", "b")
    assert (said.status, said.err) == (0, "")
    (folder,) = (sweeps / "outputs").glob("report_*")
    assert parts(folder) == PARTS
    table = pl.read_parquet(folder / "runs.parquet")
    assert {"activation", "network.depth"} <= set(table.columns)
    assert table["run"].n_unique() == 4
    assert table["directory"][0] == "../../a/0_activation=relu"
    assert parts(sweeps / "a") == parts(sweeps / "b") == set()


def test_two_reports_never_go_to_the_same_place(report, sweeps):
    for _ in range(2):
        assert report("a", "b").status == 0
    assert len(list((sweeps / "outputs").glob("report_*"))) == 2


def test_a_folder_of_sweeps_and_a_run_within_count_each_run_once(report, sweeps):
    said = report(".", "a/0_activation=relu", "output=new")
    assert said.status == 0, said.err
    assert pl.read_parquet(sweeps / "new" / "runs.parquet")["run"].n_unique() == 4


def test_a_single_run_has_a_report_too(report, sweeps):
    said = report("a/0_activation=relu")
    assert (said.status, said.err) == (0, "")
    assert parts(sweeps / "a" / "0_activation=relu") == PARTS


def test_a_partial_sweep_has_a_report(report, sweeps):
    (sweeps / "a" / "0_activation=relu" / "summary.json").write_text("")
    shutil.rmtree(sweeps / "a" / "0_activation=relu" / ".hydra")
    said = report("a")
    assert (said.status, said.err) == (0, "")
    assert "running: its summary.json is empty" in " ".join(said.out.replace("|", " ").split())


def test_settings_may_be_written_in_any_usual_way(report, sweeps):
    flags = ["--format", "svg", "a", "--output", "new", "--baseline", "activation=relu"]
    joined = ["--format=svg", "--output=new", "--baseline=activation=relu", "a"]
    settings = ["a", "format=svg", "output=new", "baseline=activation=relu"]
    read = [reporting.read_settings(typed) for typed in (flags, joined, settings)]
    assert read[0] == read[1] == read[2]
    said = report(*settings)
    assert (said.status, said.err) == (0, "")
    assert len(list((sweeps / "new" / "figures").glob("*.svg"))) == 5
    assert "cannot be told from number 2" in said.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Found: the following arguments are required: folder. See --help."),
        (["nowhere"], "Found no summary.json in nowhere."),
        (["a", "empty"], "Found no summary.json in empty."),
        (["a", "format=bmp"], "argument --format: invalid choice: 'bmp' (choose from"),
        (["a", "--format"], "Found: argument --format: expected one argument."),
        (["a", "--open"], "Found: unrecognized arguments: --open."),
        (["a", "-f", "svg"], "Found: unrecognized arguments: -f svg."),
        (["a", "fromat=svg"], "Found no summary.json in fromat=svg."),
        (["a", "output="], "`output` must be a folder. Found nothing."),
        (["a", "output=file"], "Found file, which is a file."),
        (["a", "output=file/deeper"], "A directory must be a folder, or not exist yet."),
        (["a", "baseline=gelu"], "Found `gelu`, which none has. There are `activation=relu`"),
        (["a", "baseline=activation"], "Found 2 for `activation`"),
    ],
)
def test_a_mistake_gives_one_message(report, sweeps, arguments, message):
    (sweeps / "empty").mkdir()
    (sweeps / "file").write_text("")
    said = report(*arguments)
    assert said.status == 1
    assert said.err.startswith("deltaflow: ")
    assert len(said.err.splitlines()) == 1
    assert message in said.err
    assert parts(sweeps / "a") == set()


def test_help_says_what_can_be_set(report):
    said = report("--help")
    assert said.status == 0
    assert all(f"{name}=" in said.out for name in ("output", "format", "baseline"))


def test_the_script_reports_and_does_not_wait_for_torch(sweeps):
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "assert not {'torch', 'lightning'} & set(sys.modules), 'slow'"
    )
    command = [sys.executable, "-c", code, str(ROOT / "scripts" / "report.py"), "a"]
    done = subprocess.run(command, cwd=sweeps, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert parts(sweeps / "a") == PARTS


@pytest.mark.slow
def test_every_multirun_ends_with_its_report(deltaflow):
    outcome = deltaflow("-m", "network.depth=-1,1,2", "hydra.sweep.dir=here", "n_seeds=2", *SHORT)
    assert outcome.status == 1  # a run failed
    folder = outcome.directory / "here"
    assert parts(folder) == PARTS
    table = pl.read_parquet(folder / "runs.parquet")
    assert table["status"].to_list() == ["failed", *["completed"] * 4]
    assert "Found -1" in table["reason"][0]
    assert "Report       here/report.html" in outcome.out.splitlines()
    assert outcome.out.index("Ranking") < outcome.out.index("Without a result")


def test_a_report_that_fails_does_not_hide_the_ranking(deltaflow, monkeypatch):
    def fails(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr("deltaflow.sweep.report._write_page", fails)
    outcome = deltaflow("-m", "network.depth=1,2", *SHORT)
    assert outcome.status == 1
    assert "Ranking" in outcome.out
    assert outcome.err.startswith("deltaflow: The report could not be written. ")
    assert "no space left on device" in outcome.err


def test_runs_that_cannot_be_compared_are_told_one_by_one(deltaflow, monkeypatch):
    def fails(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr("deltaflow.sweep.report.group_runs", fails)
    outcome = deltaflow("-m", "network.depth=-1,2", "hydra.sweep.dir=here", *SHORT)
    assert outcome.status == 1
    told = outcome.out[outcome.out.rindex("0_") :]
    assert "`network.depth` must be at least 0" in told
    assert "completed, loss" in told
    assert "The runs could not be compared. RuntimeError: broken" in outcome.err


def test_what_a_multirun_says_can_be_said_again(deltaflow, report):
    outcome = deltaflow("-m", "network.depth=1,2", "hydra.sweep.dir=here", "n_seeds=2", *SHORT)
    before = (outcome.directory / "here" / "runs.parquet").read_bytes()
    ranking = outcome.out[outcome.out.index("Highest test accuracy") :]
    said = report("here")
    assert said.out.splitlines()[:-4] == ranking.splitlines()[: len(said.out.splitlines()) - 4]
    assert (outcome.directory / "here" / "runs.parquet").read_bytes() == before


def test_reports_need_no_more_than_the_records(sweeps, report):
    shutil.copytree(sweeps / "a", sweeps / "copy")
    for path in Path(sweeps / "copy").rglob("*"):
        if path.is_file() and path.name not in (
            "summary.json",
            "layers.parquet",
            "metrics.parquet",
        ):
            path.unlink()
    assert report("copy").status == 0
