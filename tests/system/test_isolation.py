import os
import signal
import subprocess
import sys
import threading

import pytest

import outlaws
from deltaflow.records import METRICS, read_table
from deltaflow.system import isolation
from deltaflow.system.isolation import EndedError, FailedError, UnavailableError, call
from waiting import wait_until
from written import metrics


def test_frames_and_plain_values_come_back():
    assert call(outlaws.table, 1000).equals(outlaws.table(1000))
    assert call(outlaws.table, 0).schema == outlaws.table(0).schema
    assert call(outlaws.speak) == "answer"


def test_one_process_answers_everything_until_it_ends():
    first = call(outlaws.process)
    assert first not in (os.getpid(), None)
    assert call(outlaws.process) == first
    with pytest.raises(EndedError, match="SIGABRT"):
        call(outlaws.end, signal.SIGABRT)
    assert call(outlaws.process) not in (first, os.getpid())


def test_errors_are_values_unless_they_are_asked_for():
    with pytest.raises(ValueError, match="no key"):
        call(outlaws.fail, "no key")
    with pytest.raises(FileNotFoundError, match="nothing there"):
        call(outlaws.miss, errors=(FileNotFoundError,))


def test_what_takes_too_much_processor_time_is_ended(monkeypatch):
    monkeypatch.setattr(isolation, "_SECONDS", 1)
    with pytest.raises(EndedError, match="SIGXCPU"):
        call(outlaws.burn)


def test_what_takes_too_much_memory_fails():
    with pytest.raises(FailedError, match="Unable to allocate"):
        call(outlaws.fill, 5_000_000_000)
    assert call(outlaws.fill, 5_000_000_000, n_bytes=100_000_000) == 5_000_000_000
    assert call(outlaws.speak) == "answer"


def test_what_waits_for_ever_is_ended(monkeypatch):
    call(outlaws.process)
    monkeypatch.setattr(isolation, "_SECONDS", 1)
    monkeypatch.setattr(isolation, "_PATIENCE", 0)
    with pytest.raises(EndedError, match="SIGKILL"):
        call(outlaws.wait)


def test_an_interruption_leaves_no_answer_for_the_next_question():
    call(outlaws.process)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        call(outlaws.wait)
    assert call(outlaws.speak) == "answer"


def test_paths_are_seen_from_where_the_asker_is(tmp_path, monkeypatch):
    call(outlaws.process)
    monkeypatch.chdir(tmp_path)
    assert call(outlaws.folder, "caf\udce9") == [str(tmp_path), "caf\udce9"]


def test_a_forked_process_asks_one_of_its_own():
    asked = call(outlaws.process)
    reading, writing = os.pipe()
    if not (child := os.fork()):
        os.write(writing, str(call(outlaws.process)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert int(os.read(reading, 20)) != asked
    assert call(outlaws.process) == asked
    os.close(reading), os.close(writing)


def test_it_ends_with_the_one_that_asks():
    program = (
        "from deltaflow.system.isolation import call; import outlaws; "
        "print(call(outlaws.process), flush=True); import os; os.kill(os.getpid(), 9)"
    )
    asker = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    process = int(asker.stdout)
    wait_until(lambda: not os.path.exists(f"/proc/{process}"))


@pytest.mark.parametrize("program", ["/nonexistent/python", "/bin/false"])
def test_where_no_process_can_start_no_file_is_blamed(program, tmp_path, monkeypatch):
    (tmp_path / "records").mkdir()
    rows = metrics([0], lambda _: 0.9).sort(METRICS.key)
    rows.write_parquet(tmp_path / "records" / "metrics-00000.parquet")
    monkeypatch.setattr(isolation, "_servers", [])
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", program)
        with pytest.raises(UnavailableError, match=r"which must start\. Found .*\. Check `sys"):
            read_table(tmp_path, METRICS)
    assert read_table(tmp_path, METRICS).equals(rows)
