import errno
import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from deltaflow.records import Summary
from deltaflow.system.processes import locked

HERE = {"status": "running", "host": "here"}
LATER = "2999-01-01T00:00:00+00:00"


@pytest.fixture(autouse=True)
def _here(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "here")


def is_alive(fields, directory):
    return Summary(**fields).is_alive(directory)


@pytest.fixture
def process():
    started = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield started
    started.kill()
    started.communicate()


def test_a_lock_is_held_by_one_at_a_time_and_ends_with_its_block(tmp_path):
    path = tmp_path / "lock"
    with locked(path) as mine:
        assert mine
        with locked(path) as second:
            assert not second
    with locked(path) as again:
        assert again


def test_a_lock_ends_with_its_process(tmp_path):
    holder = (
        "import sys\nfrom pathlib import Path\nfrom deltaflow.system.processes import locked\n"
        "with locked(Path(sys.argv[1])) as mine:\n    print(mine, flush=True)\n    input()\n"
    )
    command = [sys.executable, "-c", holder, str(tmp_path / "lock")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as process:
        assert process.stdout.readline() == "True\n"
        with locked(tmp_path / "lock") as mine:
            assert not mine
        process.kill()
    with locked(tmp_path / "lock") as mine:
        assert mine


def test_where_files_have_no_locks_nobody_is_kept_from_anything(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with locked(tmp_path / "lock") as mine, locked(tmp_path / "lock") as second:
        assert mine
        assert second
    monkeypatch.setattr("deltaflow.system.processes.fcntl", None)
    with locked(tmp_path / "lock") as mine:
        assert mine


@pytest.mark.parametrize("status", ["completed", "diverged", "failed", "interrupted"])
def test_a_run_that_has_ended_is_not_going(status, tmp_path, process):
    summary = HERE | {"status": status, "process": process.pid, "started": LATER}
    assert not is_alive(summary, tmp_path)


def test_a_run_goes_as_long_as_its_process_lives(tmp_path, process):
    summary = HERE | {"process": process.pid, "started": datetime.now(UTC).isoformat()}
    assert is_alive(summary, tmp_path)
    process.kill()
    process.wait()
    assert not is_alive(summary, tmp_path)


def test_a_killed_process_that_nobody_has_buried_is_dead(tmp_path, process):
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie
    assert not is_alive(HERE | {"process": process.pid, "started": LATER}, tmp_path)


def test_a_process_that_is_younger_than_the_run_has_only_its_number(tmp_path, process):
    summary = HERE | {"process": process.pid, "started": "2000-01-01T00:00:00+00:00"}
    assert not is_alive(summary, tmp_path)


def test_who_asks_does_not_work_on_the_run(tmp_path):
    assert not is_alive(HERE | {"process": os.getpid(), "started": LATER}, tmp_path)


def test_on_another_machine_a_run_goes_as_long_as_it_writes(tmp_path, process):
    summary = {"status": "running", "host": "there", "process": process.pid, "started": LATER}
    records = tmp_path / "records"
    records.mkdir()
    chunk = records / "layers-00000.parquet"
    chunk.touch()
    assert is_alive(summary, tmp_path)
    hours_ago = time.time() - 7200
    for path in (chunk, records, tmp_path):
        os.utime(path, (hours_ago, hours_ago))
    assert not is_alive(summary, tmp_path)
    os.utime(chunk)
    assert is_alive(summary, tmp_path)


@pytest.mark.parametrize("started", [None, "soon", "0001-01-01T00:00:00", "9999-12-31T23:59:59"])
def test_a_start_that_is_no_time_is_that_of_a_dead_run_or_a_late_one(started, tmp_path, process):
    summary = HERE | {"process": process.pid, "started": started}
    assert is_alive(summary, tmp_path) == (started == "9999-12-31T23:59:59")


def test_a_number_that_no_process_has_is_that_of_a_dead_run(tmp_path):
    assert not is_alive(HERE | {"process": 2**62, "started": LATER}, tmp_path)


def test_what_a_link_leads_to_does_not_count_as_written(tmp_path):
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    for folder in (run, elsewhere):
        folder.mkdir()
    (elsewhere / "new").touch()
    (run / "link").symlink_to(elsewhere)
    (run / "file").symlink_to(elsewhere / "new")
    hours_ago = time.time() - 7200
    for path in (run / "link", run / "file", run):
        os.utime(path, (hours_ago, hours_ago), follow_symlinks=False)
    summary = {"status": "running", "host": "there", "process": 1, "started": LATER}
    assert not is_alive(summary, run)
