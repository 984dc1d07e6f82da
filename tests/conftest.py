"""What holds for every test worker and the commands that it starts.

One thread each: with more, the workers' threads wait for each other. And signals as a terminal
has them: what is started in the background ignores Ctrl-C, and so would all that it starts.
"""

import os
import signal

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, here and in commands
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


@pytest.fixture
def undrawn(monkeypatch):
    """Runs and sweeps whose pictures are empty files: to draw one takes longer than to train."""
    from running import draw_nothing  # torch takes its time

    draw_nothing(monkeypatch)


@pytest.fixture
def in_this_process(monkeypatch):
    """Foreign tables are read in the test's own process, where it has replaced something."""
    for module in ("deltaflow.system.parquet", "deltaflow.records.reading"):
        monkeypatch.setattr(f"{module}.call", lambda f, *arguments, **_: f(*arguments))
