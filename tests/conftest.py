"""What holds for every test worker and the commands that it starts.

One thread each: with more, the workers' threads wait for each other. And signals as a terminal
has them: what is started in the background ignores Ctrl-C, and so would all that it starts.
"""

import atexit
import gc
import os
import signal
import sys
from contextlib import contextmanager

import pytest

from running import blank_pictures, read_once

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, here and in commands
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)

gc.disable()  # until the tests begin, as commands do: what is imported and collected stays
atexit.register(gc.freeze)


def pytest_collection_finish():
    gc.freeze()
    gc.set_threshold(100_000)  # objects; what tests leave is small beside what stays
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _blank():
    """Pictures of runs and sweeps are blank, but for tests that ask for `real_pictures`."""
    with pytest.MonkeyPatch.context() as patch:
        blank_pictures(patch)
        yield patch


@pytest.fixture(scope="session", autouse=True)
def _quick_compositions():
    with pytest.MonkeyPatch.context() as patch:
        read_once(patch)
        yield


@pytest.fixture(autouse=True)
def _errors_are_messages(monkeypatch):
    """A command that ran in this process may have left Hydra's own setting behind."""
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)


@pytest.fixture(autouse=True)
def _no_second_process_of_another_test():
    """A process that an earlier test left behind would draw pictures, which here are blank."""
    yield
    if (module := sys.modules.get("deltaflow.system.child_processes.second_process")) is not None:
        for process in module._started:
            process.end()
        module._started.clear()


@pytest.fixture(scope="session")
def with_pictures(_blank):
    """A context in which pictures of runs and sweeps are what users get."""

    @contextmanager
    def drawn():
        _blank.undo()
        try:
            yield
        finally:
            blank_pictures(_blank)

    return drawn


@pytest.fixture(scope="session")
def browser():
    """Chromium, which a process can start once."""
    from chromium import launched

    player, browser = launched()
    yield browser
    browser.close()
    player.stop()


@pytest.fixture
def real_pictures(with_pictures):
    """Pictures of runs and sweeps are what users get."""
    with with_pictures():
        yield


@pytest.fixture(scope="session")
def _quick_interpreters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interpreters")
    (folder / "sitecustomize.py").write_text(
        "import atexit, gc; gc.disable(); atexit.register(gc.freeze)"
    )
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture
def quick_imports(_quick_interpreters, monkeypatch):
    """Interpreters that a test starts look for no garbage: a quarter of what importing takes."""
    monkeypatch.setenv("PYTHONPATH", _quick_interpreters)


@pytest.fixture
def in_this_process(monkeypatch):
    """Foreign tables are read in the test's own process, where it has replaced something."""
    for module in ("deltaflow.system.parquet", "deltaflow.records.reading"):
        monkeypatch.setattr(f"{module}.call", lambda f, *arguments, **_: f(*arguments))
