"""A sweep from somebody else, in which any file may be anything, and all that reads it."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from deltaflow import load_run
from deltaflow.comparison.collection import collect
from deltaflow.comparison.phase_points import phase_points
from deltaflow.comparison.runs_table import runs_table, write_runs
from deltaflow.nn.initializers import He
from deltaflow.nn.network import FullyConnected
from deltaflow.page.content import content
from deltaflow.sweep.directory import SHARED, has_failed, note_failure, open_sweep
from deltaflow.sweep.lease import Lease, lease
from deltaflow.sweep.report import report_on
from written import write_run

SECONDS = 10  # of processor time; and of waiting, as for a FIFO, sixty times as many
PLACES = (
    "multirun.yaml", ".sweep", ".sweep/y", ".sweep/y.place", ".sweep/new", ".sweep/numbers",
    ".sweep/failed", ".sweep/replaced-0", "1_y", "1_y/summary.json", "1_y/.hydra",
    "1_y/.hydra/config.yaml", "1_y/layers.parquet", "1_y/metrics.parquet", "1_y/checkpoints",
    "1_y/checkpoints/last.ckpt", "2_z/records", "2_z/records/layers-00000.parquet", "9_new",
    "figures", "runs.csv",
)  # fmt: skip
ARCHITECTURE = {
    "sizes": [4, 3, 2], "seeds": [0, 1], "activation": {"_target_": "torch.nn.ReLU"},
    "output_activation": None, "dtype": "float32", "normalization": None, "dropout": 0.0,
}  # fmt: skip


def write_sweep(sweep: Path) -> Path:
    """A sweep of three runs: one that nobody touches, one with a network, one in chunks."""
    write_run(sweep / "0_x", ["a=1"], identity="x")
    write_checkpoint(write_run(sweep / "1_y", ["a=2"], identity="y"), ARCHITECTURE)
    killed = write_run(sweep / "2_z", ["a=3"], identity="z", status="interrupted")
    (killed / "records").mkdir()
    for name in ("layers", "metrics"):
        (killed / f"{name}.parquet").rename(killed / "records" / f"{name}-00000.parquet")
    (sweep / "multirun.yaml").write_text("a: 1\n")
    (sweep / SHARED).mkdir()
    return sweep


def write_checkpoint(directory: Path, architecture: object) -> None:
    network = FullyConnected([4, 3, 2], nn.ReLU(), n_replicas=2)
    network.initialize(He(), seeds=[0, 1])
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    (directory / "checkpoints").mkdir(exist_ok=True)
    content = {"architecture": architecture, "state_dict": state}
    torch.save(content, directory / "checkpoints" / "last.ckpt")


@contextmanager
def guarded() -> Iterator[None]:
    """Fail if a block takes too long: of processor time, or of the clock if it waits."""

    def stop(*_: object) -> None:
        pytest.fail(f"still at it after {SECONDS} seconds")

    before = {number: signal.signal(number, stop) for number in (signal.SIGALRM, signal.SIGPROF)}
    signal.alarm(60 * SECONDS)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def ask(sweep: Path, name: str, identity: str) -> Lease:
    """Whether a run may begin in a sweep that goes on."""
    with suppress(FileExistsError):
        (sweep / name).mkdir()  # as Hydra does beforehand
    with lease(sweep, sweep / name, identity, True, False) as given:
        return given


def report(sweep: Path) -> str:
    """All that a report says and writes, but for its pictures and their page."""
    made = report_on(collect([sweep]), sweep, "it")
    write_runs(runs_table(made.grouped, sweep), sweep)
    return json.dumps(content(made.comparison), allow_nan=False) + (sweep / "runs.csv").read_text()


def everything(sweep: Path) -> list[str]:
    """What is said of a sweep by all that reads and goes on with one."""
    said = []
    for act in (
        lambda: report(sweep),
        lambda: load_run(sweep / "1_y"),
        lambda: load_run(sweep / "2_z"),
        lambda: phase_points([str(sweep)], "ReLU()", 0.0),
        lambda: has_failed(sweep),
        lambda: open_sweep(sweep, resumed=True),
        lambda: ask(sweep, "8_x", "x"),
        lambda: ask(sweep, "8_y", "y"),
        lambda: ask(sweep, "9_new", "new"),
        lambda: note_failure(sweep),
    ):
        try:
            said.append(str(act()))
        except (ValueError, OSError) as error:
            said.append(str(error))
    return said


def statuses(said: list[str]) -> set[tuple[str, str]]:
    """What the report says of each run: the first word of its label, and its status."""
    told = json.JSONDecoder().raw_decode(said[0])[0]["runs"]  # a table follows
    return {(run["label"].split(" ")[0], run["status"]) for run in told}


def link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "profile")


def link_to_folder(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "run" if path.name == "1_y" else outside)


def link_to_nothing(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "new")


def link_to_device(path: Path, outside: Path) -> None:
    path.symlink_to("/dev/zero")


def fifo(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def device(path: Path, outside: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # as /dev/zero
    except OSError:
        pytest.skip("only the superuser makes devices")


def folder(path: Path, outside: Path) -> None:
    path.mkdir()
    (path / "in it").touch()


def empty(path: Path, outside: Path) -> None:
    path.touch()


def huge(path: Path, outside: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**42)


def wrong(path: Path, outside: Path) -> None:
    path.write_bytes(b'[{"status": "completed"}]\x1b[31m\xff')


TRAPS = (link, link_to_folder, link_to_nothing, link_to_device, fifo, device, folder, empty, huge,
         wrong)  # fmt: skip
