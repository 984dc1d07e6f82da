import re

from deltaflow.sweep import progress
from deltaflow.sweep.progress import SweepProgress
from written import write_run


def watched(tmp_path, n_runs, monkeypatch):
    monkeypatch.setattr(progress, "_write", lambda text: None)
    shown = SweepProgress(tmp_path, n_runs)
    shown.stop()
    return shown


def test_runs_that_have_ended_are_counted_with_the_time_that_is_left(tmp_path, monkeypatch):
    shown = watched(tmp_path, 16, monkeypatch)
    assert shown.line() == "0/16"
    write_run(tmp_path / "0_activation=tanh,init=xavier")
    write_run(tmp_path / "1_activation=relu,init=he", error="no space left")
    (tmp_path / "2_elu,he").mkdir()  # it has only begun
    (tmp_path / "figures").mkdir()
    monkeypatch.setattr(progress.time, "monotonic", lambda: shown._began + 10)
    assert shown.line() == "2/16 · relu, he · 1:10 left"


def test_of_a_sweep_that_goes_on_the_pace_is_that_of_its_new_runs(tmp_path, monkeypatch):
    for n in range(3):
        write_run(tmp_path / f"{n}_old")
    shown = watched(tmp_path, 5, monkeypatch)
    assert shown.line() == "3/5"
    write_run(tmp_path / "3_new")
    monkeypatch.setattr(progress.time, "monotonic", lambda: shown._began + 62)
    assert shown.line() == "4/5 · new · 1:02 left"


def test_without_a_number_of_runs_those_that_have_ended_are_told(tmp_path, monkeypatch):
    shown = watched(tmp_path, None, monkeypatch)
    write_run(tmp_path / "0_a")
    assert shown.line() == "1 done · a"


def test_the_line_leaves_the_cursor_at_its_start_and_goes_away(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(progress, "_write", written.append)
    monkeypatch.setattr(progress, "_INTERVAL", 0.001)
    shown = SweepProgress(tmp_path, 2)
    while len(written) < 2:
        pass
    shown.stop()
    *lines, last = written
    assert all(re.fullmatch(r"\r\x1b\[2K0/2\r", line) for line in lines)
    assert last == "\r\x1b[2K"
