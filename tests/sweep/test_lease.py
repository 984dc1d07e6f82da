"""Whose turn it is in a sweep that goes on, and where the run goes."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from deltaflow.records import Summary, read_summary, write_summary
from deltaflow.records.summary import claim_directory
from deltaflow.sweep.directory import SHARED, has_failed, note_failure, open_sweep
from deltaflow.sweep.lease import lease
from deltaflow.system.files import UnusableFileError
from deltaflow.system.processes import locked

ENDED_EARLY = ("failed", "interrupted", "running")


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "here")


@pytest.fixture
def sweep(tmp_path):
    (tmp_path / "multirun.yaml").touch()
    return tmp_path


def leave(sweep, name, identity, status, **fields):
    directory = sweep / name
    directory.mkdir()
    begun = {"process": os.getpid(), "host": "here", "started": "2000-01-01T00:00:00Z"}
    write_summary(directory, Summary(identity=identity, status=status, **begun | fields))
    return directory


def ask(sweep, name, identity, resumed=True, fail_fast=False):
    (sweep / name).mkdir(exist_ok=True)  # as Hydra does beforehand
    return lease(sweep, sweep / name, identity, resumed, fail_fast)


@pytest.mark.parametrize("status", ["completed", "diverged"])
def test_a_finished_run_is_kept_under_any_number(status, sweep):
    there = leave(sweep, "7_x", "a", status)
    with ask(sweep, "0_x", "a") as given:
        assert not given.granted
        assert given.directory == there
        assert given.finished.status == status
    assert not (sweep / "0_x").exists()
    assert read_summary(there).status == status


def test_a_finished_run_is_kept_where_hydra_would_have_it_again(sweep):
    there = leave(sweep, "0_x", "a", "completed")
    with ask(sweep, "0_x", "a") as given:
        assert given.finished is not None
    assert read_summary(there).status == "completed"


@pytest.mark.parametrize("status", ENDED_EARLY)
def test_what_is_left_of_another_run_gives_way_and_its_number_stays(status, sweep):
    there = leave(sweep, "7_x", "a", status)
    (there / "records").mkdir()
    (there / "records" / "layers-00000.parquet").touch()
    with ask(sweep, "0_x", "a") as given:
        assert given.granted
        assert given.directory == there
        assert not there.exists()
        claim_directory(given.directory, Summary(status="running"))
    assert not (sweep / "0_x").exists()
    assert not any(sweep.glob(f"{SHARED}/**/layers*"))


def test_all_that_is_left_of_a_run_gives_way(sweep):
    for name in ("3_x", "7_x"):
        leave(sweep, name, "a", "failed")
    with ask(sweep, "0_x", "a") as given:
        assert given.directory == sweep / "3_x"
    assert not (sweep / "7_x").exists()


def test_a_finished_run_is_kept_beside_a_failed_one(sweep):
    leave(sweep, "3_x", "a", "failed")
    leave(sweep, "7_x", "a", "completed")
    with ask(sweep, "0_x", "a") as given:
        assert given.directory == sweep / "7_x"
        assert given.finished is not None


def test_a_run_of_another_configuration_is_not_taken_for_it(sweep):
    leave(sweep, "7_x", "b", "completed")
    with ask(sweep, "0_x", "a") as given:
        assert given.granted
        assert given.directory == sweep / "0_x"


def test_a_number_that_is_taken_is_not_given_again(sweep):
    leave(sweep, "0_y", "b", "completed")
    leave(sweep, "11_y", "c", "failed")
    with ask(sweep, "0_x", "a") as given:
        assert given.granted
        assert given.directory == sweep / "12_x"
    assert not (sweep / "0_x").exists()
    assert (sweep / "0_y").exists()


def test_a_name_that_is_taken_is_not_given_again(sweep):
    taken = leave(sweep, "0_x", "b", "failed")
    with ask(sweep, "0_x", "a") as given:
        assert given.directory == sweep / "1_x"
    assert read_summary(taken).identity == "b"


def test_a_directory_without_a_number_gets_one_if_its_name_is_taken(sweep):
    leave(sweep, "mine_x", "b", "completed")
    with ask(sweep, "mine_x", "a") as given:
        assert given.directory == sweep / "0_mine_x"


def test_runs_that_begin_at_once_get_numbers_of_their_own(sweep):
    leave(sweep, "0_y", "z", "completed")

    def number(identity):
        with ask(sweep, f"0_{identity}", identity) as given:
            return given.directory.name.partition("_")[0]

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(number, [f"a{n}" for n in range(24)]))
    assert sorted(map(int, numbers)) == list(range(1, 25))


def test_a_run_is_known_again_without_a_look_at_all_others(sweep, monkeypatch):
    with ask(sweep, "0_x", "a", resumed=False) as given:
        claim_directory(given.directory, Summary(identity="a", status="completed"))
    monkeypatch.setattr("deltaflow.sweep.lease._runs_of", pytest.fail)
    with ask(sweep, "5_x", "a") as given:
        assert given.directory == sweep / "0_x"


@pytest.mark.parametrize("hint", ["", "nowhere", "1_y", "../elsewhere"])
def test_a_note_of_where_a_run_is_may_be_wrong(hint, sweep):
    leave(sweep, "0_x", "a", "completed")
    leave(sweep, "1_y", "b", "completed")
    (sweep / SHARED).mkdir()
    (sweep / SHARED / "a.place").write_text(hint)
    with ask(sweep, "5_x", "a") as given:
        assert given.directory == sweep / "0_x"


HOLDER = """
import os, sys
from pathlib import Path
from deltaflow.records import Summary
from deltaflow.system.files import UnusableFileError
from deltaflow.records.summary import claim_directory
from deltaflow.sweep.lease import lease
sweep = Path(sys.argv[1])
with lease(sweep, sweep / "7_x", "a", True, False) as given:
    own = Summary(identity="a", status="running", process=os.getpid(), host="here")
    claim_directory(given.directory, own)
    print("claimed", flush=True)
    input()
"""


def test_a_run_that_another_process_works_on_is_left_to_it(sweep):
    (sweep / "7_x").mkdir()
    command, pipe = [sys.executable, "-c", HOLDER, str(sweep)], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout.readline() == "claimed\n"
        with ask(sweep, "0_x", "a") as given:
            assert not given.granted
            assert given.directory == sweep / "7_x"
            assert given.running.process == other.pid
        with ask(sweep, "1_y", "b") as given:
            assert given.granted
        other.kill()
    with ask(sweep, "0_x", "a") as given:
        assert given.granted
        assert given.directory == sweep / "7_x"


def test_a_run_that_begins_just_now_elsewhere_is_left_to_whom_it_has(sweep):
    (sweep / SHARED).mkdir()
    with locked(sweep / SHARED / "a"), ask(sweep, "0_x", "a") as given:
        assert not given.granted
        assert given.running == Summary(status="running")
    assert (sweep / "0_x").exists()  # where the other, of the same command, is about to write


def test_a_run_whose_process_lives_is_not_touched(sweep):
    there = leave(sweep, "7_x", "a", "running", process=os.getppid(), started="2999-01-01T00:00:00")
    with ask(sweep, "0_x", "a") as given:
        assert given.running.process == os.getppid()
    assert read_summary(there).status == "running"


def test_in_a_new_sweep_every_run_has_its_turn(sweep):
    with ask(sweep, "0_x", "a", resumed=False) as first:
        assert first.granted
        with ask(sweep, "1_x", "a", resumed=False) as second:  # as with trainer.threads=1,2
            assert second.granted
            assert second.directory == sweep / "1_x"


def test_no_run_begins_after_a_failure_that_is_to_end_the_sweep(sweep):
    note_failure(sweep)
    with ask(sweep, "0_x", "a", resumed=False, fail_fast=True) as given:
        assert not given.granted
        assert given.stopped
    assert not (sweep / "0_x").exists()
    with ask(sweep, "0_x", "a", resumed=False, fail_fast=False) as given:
        assert given.granted


def test_a_sweep_that_goes_on_has_not_failed(sweep):
    note_failure(sweep)
    assert has_failed(sweep)
    open_sweep(sweep, resumed=True)
    assert not has_failed(sweep)


def test_what_a_killed_sweep_leaves_half_made_is_cleared(sweep):
    leave(sweep, "0_x", "a", "running")
    (sweep / "1_made").mkdir()
    (sweep / "2_claiming").mkdir()
    (sweep / "2_claiming" / ".summary.json.abc").touch()
    (sweep / "3_mine").mkdir()
    (sweep / "3_mine" / "notes.txt").touch()
    (sweep / "figures").mkdir()
    (sweep / SHARED / "replaced-1").mkdir(parents=True)
    open_sweep(sweep, resumed=True)
    assert {path.name for path in sweep.iterdir()} == {
        "0_x", "3_mine", "figures", SHARED, "multirun.yaml",
    }  # fmt: skip
    assert not any((sweep / SHARED).iterdir())


def test_a_new_sweep_does_not_go_where_another_has_been(sweep):
    leave(sweep, "0_x", "a", "completed")
    with pytest.raises(ValueError, match=r"of its own\. Found .*go on with it: `sweep\.resume="):
        open_sweep(sweep, resumed=False)


def test_a_new_sweep_does_not_go_on_with_runs_of_none(tmp_path):
    claim_directory(tmp_path / "mine", Summary(status="running"))
    with pytest.raises(ValueError, match=r"of its own\. Found .*Name a new one, or delete that\.$"):
        open_sweep(tmp_path, resumed=False)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda path: None, "which is no folder"),
        (lambda path: path.touch(), "which is no folder"),
        (lambda path: path.mkdir(), "which has no runs"),
        (lambda path: claim_directory(path, Summary(status="running")), "one run in "),
        (
            lambda path: claim_directory(path / "mine", Summary(status="running")),
            "whose runs are of no sweep",
        ),
    ],
    ids=["nothing", "a file", "empty", "a run", "runs"],
)
def test_what_is_no_sweep_does_not_go_on(make, found, tmp_path):
    make(tmp_path / "it")
    with pytest.raises(ValueError, match=f"must be the directory of a sweep. Found .*{found}"):
        open_sweep(tmp_path / "it", resumed=True)


def test_a_sweep_that_was_killed_before_anything_was_there_goes_on(tmp_path):
    sweep = tmp_path / "outputs" / "sweep"
    open_sweep(sweep, resumed=False)
    open_sweep(sweep, resumed=True)
    with ask(sweep, "0_x", "a") as given:
        assert given.granted


def test_a_lock_is_never_written_to(sweep):
    with ask(sweep, "0_x", "a") as given:
        claim_directory(given.directory, Summary(identity="a", status="completed"))
    assert (sweep / SHARED / "a").read_bytes() == b""
    assert (sweep / SHARED / "a.place").read_text() == "0_x"


@pytest.mark.parametrize("name", ["mine_x", "0_x y", "0_$(reboot)", "reboot"])
def test_only_such_names_are_noted_as_runs_are_given(name, sweep):
    with ask(sweep, name, "a", resumed=False) as given:
        assert given.directory.name == name
    assert [path.name for path in (sweep / SHARED).iterdir()] == ["a"]


@pytest.mark.parametrize("leave", [lambda path: path.symlink_to("/etc/passwd"), os.mkfifo])
def test_what_hydra_would_write_through_is_refused_whatever_else_is_there(leave, sweep):
    run = sweep / "0_x"
    run.mkdir()
    write_summary(run, Summary(identity="a", status="completed"))
    (sweep / "multirun.yaml").unlink()
    leave(sweep / "multirun.yaml")
    with pytest.raises(UnusableFileError, match=r"multirun\.yaml must be a regular file"):
        open_sweep(sweep, resumed=True)


def test_a_link_to_nowhere_in_place_of_a_run_is_refused_in_words(sweep):
    (sweep / "0_x").symlink_to("nowhere")
    with pytest.raises(UnusableFileError, match=r"0_x must be a folder. Found a symbolic link"):
        open_sweep(sweep, resumed=True)


def test_a_folder_in_place_of_a_mark_is_refused_in_words(sweep):
    (sweep / SHARED / "failed").mkdir(parents=True)
    with pytest.raises(UnusableFileError, match=r"failed must be a file. Found a folder"):
        open_sweep(sweep, resumed=True)


def test_a_new_sweep_removes_nothing(tmp_path):
    (tmp_path / "2024_mine").mkdir()
    open_sweep(tmp_path, resumed=False)
    assert (tmp_path / "2024_mine").is_dir()
