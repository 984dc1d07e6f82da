"""Whatever is around a command, it works or ends in one message."""

import gc
import os
import subprocess
import sys

import pytest

from deltaflow import __main__ as entry
from deltaflow.system.environment import import_without_gc, prepare_environment

resource = pytest.importorskip("resource")
PREPARED = (
    "import os, sys; from deltaflow.system.environment import prepare_environment; "
    "prepare_environment(); "
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")


def test_a_notebooks_display_is_left_alone():
    prepare_environment()
    assert os.environ["MPLBACKEND"] == "agg"


@pytest.mark.parametrize(
    ("typed", "threads"),
    [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3"), ({"OMP_NUM_THREADS": "2"}, None)],
    ids=["none", "own", "of all"],
)
def test_numpy_has_one_thread_unless_somebody_asks_for_more(typed, threads, monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")  # so that it is taken back at the end
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    for name, value in typed.items():
        monkeypatch.setenv(name, value)
    prepare_environment()
    assert os.environ.get("OPENBLAS_NUM_THREADS") == threads


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_leads_nowhere_and_no_file_takes_its_number(closed):
    script = PREPARED + (
        "print(1); print(2, file=sys.stderr); sys.stdout.flush(); "
        "raise SystemExit(3 * (os.open(os.devnull, os.O_RDONLY) < 3))"
    )
    command = f"{sys.executable} -c '{script}' {closed}"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert ran.returncode == 0
    assert ran.stdout == ("" if " >&-" in f" {closed}" else "1\n")
    assert ran.stderr == ("" if "2>&-" in closed else "2\n")


@pytest.mark.parametrize("threads", ["0", "00", "+0"])
def test_a_table_needs_a_thread(threads, monkeypatch):
    monkeypatch.setenv("POLARS_MAX_THREADS", threads)
    with pytest.raises(ValueError, match=r"must be at least 1\. Found .*0\. Unset it"):
        prepare_environment()


@pytest.mark.parametrize("threads", ["", "10", "many"])
def test_other_numbers_are_left_to_polars(threads, monkeypatch):
    monkeypatch.setenv("POLARS_MAX_THREADS", threads)
    prepare_environment()


def test_a_limit_too_low_for_the_libraries_is_told(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (400_000_000, -1))
    with pytest.raises(ValueError, match=r"Found a limit of 0\.4 GB, as `ulimit -v` sets it\."):
        prepare_environment()


def test_a_folder_that_was_deleted_is_told(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ValueError, match=r"Found that this one was deleted\."):
        prepare_environment()


@pytest.mark.parametrize(("error", "said"), [
    (ValueError("Expected. Found. Do."), "Expected. Found. Do."),
    (ImportError("libtorch_cpu.so: failed to map segment"), "Found ImportError: libtorch_cpu.so"),
    (MemoryError(), "Found MemoryError: no reason. "),
])  # fmt: skip
def test_what_keeps_a_command_from_being_loaded_is_one_message(error, said, monkeypatch, capsys):
    def fail(_module):
        raise error

    monkeypatch.setattr(entry, "import_without_gc", fail)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert message.startswith("deltaflow: ")
    assert message.count("\n") == 1
    assert said in message


def test_garbage_is_looked_for_after_imports_and_not_among_them(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_part.py").write_text("import gc; assert gc.isenabled()")
    there, thresholds = [[]], gc.get_threshold()
    assert any(one is there for one in gc.get_objects())
    gc.set_threshold(700, 10, 10)  # another test may have imported, too
    try:
        with pytest.raises(AssertionError):
            import_without_gc("broken_part")
        assert gc.isenabled()
        assert not any(one is there for one in gc.get_objects())  # nor is it among garbage
        assert gc.get_threshold()[2] > 10
    finally:
        gc.set_threshold(*thresholds)  # what is frozen stays so, as for all tests
