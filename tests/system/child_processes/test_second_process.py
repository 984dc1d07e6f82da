"""Functions that another process calls while this one goes on."""

import operator
import os
import signal
import subprocess
import sys
import time

import pytest

from deltaflow.system.child_processes import second_process as module
from deltaflow.system.child_processes.second_process import SecondProcess, second_process
from waiting import wait_until


@pytest.fixture(scope="module")
def other():
    process = SecondProcess()
    yield process
    process.end()
    assert process.process.returncode is not None


def test_what_is_called_there_comes_back_in_order(other):
    there = other.submit(os.getpid)
    sums = [other.submit(operator.add, n, 1) for n in range(3)]
    assert there.result() == other.process.pid != os.getpid()
    assert [one.result() for one in sums] == [1, 2, 3]


def test_what_is_printed_there_is_no_answer(other):
    assert other.submit(os.write, 1, b"said").result() == 4
    assert other.submit(operator.neg, 5).result() == -5


def test_an_error_there_is_raised_here_and_leaves_the_next_alone(other):
    with pytest.raises(ZeroDivisionError):
        other.submit(operator.floordiv, 1, 0).result()
    assert other.submit(operator.neg, 1).result() == -1


REFUSAL = (  # an expression that raises an error and names the process
    "(_ for _ in ()).throw(ImportError("
    "f'no such thing in {__import__(\"os\").getpid()}' + 9999 * '!'))"
)
REFUSED = f"type('Refused', (), {{'__reduce__': lambda self: (eval, ({REFUSAL!r},))}})()"
"""An expression for a value that can be pickled, and is an error to read. Nothing is imported."""


def test_an_answer_that_cannot_be_read_leaves_the_next_alone(other):
    with pytest.raises(ImportError, match=f"no such thing in {os.getpid()}!"):
        other.submit(eval, REFUSED).result()
    assert [other.submit(operator.neg, n).result() for n in range(3)] == [0, -1, -2]


def test_a_question_that_cannot_be_read_there_leaves_the_next_alone(other):
    there = other.submit(os.getpid).result()
    with pytest.raises(ImportError, match=f"no such thing in {there}!"):
        other.submit(operator.is_, eval(REFUSED), None).result()
    assert other.submit(os.getpid).result() == there


def test_a_process_that_has_ended_fails_what_it_was_asked_and_is_replaced(monkeypatch):
    monkeypatch.setattr(module, "_started", [])
    first = second_process()
    assert second_process() is first
    asked = first.submit(time.sleep, 60)
    os.kill(first.process.pid, signal.SIGKILL)
    assert isinstance(asked.exception(), EOFError | OSError)
    first.process.wait()
    second = second_process()
    assert second is not first
    assert second.submit(operator.neg, 1).result() == -1
    second.end()


def test_one_that_began_in_another_folder_is_replaced(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_started", [])
    first = second_process()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "own")
    second = second_process()
    assert first.process.poll() is not None
    assert second.submit(os.getcwd).result() == str(tmp_path)
    assert second_process() is second
    second.end()


def test_an_interruption_reaches_what_is_called_there(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_started", [])
    first, begun = second_process(), tmp_path / "begun"
    asked = first.submit(subprocess.run, ["sh", "-c", f"touch '{begun}'; exec sleep 60"])
    wait_until(begun.exists)
    first.interrupt(asked)
    assert isinstance(asked.exception(), KeyboardInterrupt)
    assert first.submit(operator.neg, 1).result() == -1
    first.end()


def test_a_second_process_has_none_of_its_own(other):
    with pytest.raises(OSError, match="has none of its own"):
        other.submit(second_process).result()


def test_what_has_not_begun_is_not_waited_for(tmp_path):
    busy, begun = SecondProcess(), tmp_path / "begun"
    first = busy.submit(subprocess.run, ["sh", "-c", f"touch '{begun}'; exec sleep 600"])
    wait_until(begun.exists)
    asked = busy.submit(operator.neg, 1)
    busy.interrupt(asked)
    assert asked.cancelled()
    assert first.exception() is not None
    assert busy.process.returncode is not None


def test_what_it_writes_to_standard_error_is_seen(capfd):
    speaking = SecondProcess()
    assert speaking.submit(os.write, 2, b"seen").result() == 4
    speaking.end()
    assert capfd.readouterr().err == "seen"


def test_folders_that_are_no_texts_are_passed_over(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [tmp_path, *sys.path])
    one = SecondProcess()
    assert one.submit(operator.neg, 1).result() == -1
    one.end()


@pytest.mark.skipif(os.name != "posix", reason="asks for process groups")
def test_what_stops_one_stops_both(other):
    assert other.submit(os.getpgrp).result() == os.getpgrp()


def test_a_command_that_ends_does_not_wait_for_what_the_process_does():
    program = (
        "import signal\n"
        "from deltaflow.system.child_processes.second_process import second_process\n"
        "second_process().submit(signal.pause)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_a_function_that_does_not_heed_the_signal_is_killed(monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    process = SecondProcess()
    process.submit(signal.signal, signal.SIGTERM, signal.SIG_IGN).exception()
    answer = process.submit(signal.pause)
    wait_until(answer.running)
    process.interrupt(answer)
    assert isinstance(answer.exception(), EOFError | OSError)
    assert process.process.returncode == -signal.SIGKILL
