"""A sweep from somebody else, in which any file may be anything: nothing outside is touched."""

import json
import os
import shutil
import signal
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch
from torch import nn

from deltaflow import load_run
from deltaflow.comparison.collection import collect
from deltaflow.comparison.phase_points import phase_points
from deltaflow.comparison.runs_table import runs_table, write_runs
from deltaflow.figures.sweep_figures import write_figures
from deltaflow.nn.initializers import He
from deltaflow.nn.network import FullyConnected
from deltaflow.sweep.directory import SHARED, has_failed, note_failure, open_sweep
from deltaflow.sweep.report import report_on
from deltaflow.sweep.resumption import turn
from written import write_run

PRIVATE = "nobody may read this"
SECONDS = 10  # in which nothing waits for a FIFO, and nothing reads a device to its end
pytestmark = [
    pytest.mark.filterwarnings("ignore:Rows are lost"),
    pytest.mark.filterwarnings("ignore:Runs must be in folders"),
]

PLACES = (
    "multirun.yaml", ".sweep", ".sweep/y", ".sweep/y.place", ".sweep/new", ".sweep/numbers",
    ".sweep/failed", ".sweep/replaced-0", "1_y", "1_y/summary.json", "1_y/.hydra",
    "1_y/.hydra/config.yaml", "1_y/layers.parquet", "1_y/metrics.parquet", "1_y/checkpoints",
    "1_y/checkpoints/last.ckpt", "2_z/records", "2_z/records/layers-00000.parquet", "9_new",
    "figures", "runs.csv",
)  # fmt: skip


def write_checkpoint(directory):
    network = FullyConnected([4, 3, 2], nn.ReLU(), n_replicas=2)
    network.initialize(He(), seeds=[0, 1])
    architecture = {
        "sizes": [4, 3, 2], "seeds": [0, 1], "activation": {"_target_": "torch.nn.ReLU"},
        "output_activation": None, "dtype": "float32", "normalization": None, "dropout": 0.0,
    }  # fmt: skip
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    (directory / "checkpoints").mkdir()
    content = {"architecture": architecture, "state_dict": state}
    torch.save(content, directory / "checkpoints" / "last.ckpt")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    sweep = tmp_path_factory.mktemp("pristine") / "sweep"
    write_run(sweep / "0_x", ["a=1"], identity="x")
    write_checkpoint(write_run(sweep / "1_y", ["a=2"], identity="y"))
    killed = write_run(sweep / "2_z", ["a=3"], identity="z", status="interrupted")
    (killed / "records").mkdir()
    for name in ("layers", "metrics"):
        (killed / f"{name}.parquet").rename(killed / "records" / f"{name}-00000.parquet")
    (sweep / "multirun.yaml").write_text("a: 1\n")
    (sweep / SHARED).mkdir()
    return sweep


@pytest.fixture
def sweep(pristine, tmp_path):
    return shutil.copytree(pristine, tmp_path / "sweep")


@pytest.fixture
def outside(tmp_path):
    """A folder of somebody's, with all that a sweep has, and a shell's start file."""
    folder = tmp_path / "outside"
    write_run(folder / "run", ["a=9", f"secret={PRIVATE}"], identity="y", error=PRIVATE)
    (folder / "profile").write_text(PRIVATE)
    for name in ("failed", "y", "effects.png", "replaced-1"):
        (folder / name).write_text(PRIVATE)
    return folder


def seen(folder):
    """All that can be told of a folder's content."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in [folder, *folder.rglob("*")]
    }


def link(path, outside):
    path.symlink_to(outside / "profile")


def link_to_folder(path, outside):
    path.symlink_to(outside / "run" if path.name == "1_y" else outside)


def link_to_nothing(path, outside):
    path.symlink_to(outside / "new")


def link_to_device(path, outside):
    path.symlink_to("/dev/zero")


def fifo(path, outside):
    os.mkfifo(path)


def device(path, outside):
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # as /dev/zero
    except OSError:
        pytest.skip("only the superuser makes devices")


def folder(path, outside):
    path.mkdir()
    (path / "in it").touch()


def empty(path, outside):
    path.touch()


def huge(path, outside):
    with path.open("wb") as file:
        file.truncate(2**42)


def wrong(path, outside):
    path.write_bytes(b'[{"status": "completed"}]\x1b[31m\xff')


TRAPS = (link, link_to_folder, link_to_nothing, link_to_device, fifo, device, folder, empty, huge,
         wrong)  # fmt: skip


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def guarded():
    def stop(*_):
        pytest.fail(f"still at it after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def ask(sweep, name, identity):
    with suppress(FileExistsError):
        (sweep / name).mkdir()  # as Hydra does beforehand
    with turn(sweep, sweep / name, identity, True, False) as given:
        return given


def report(sweep):
    """All that a report says and writes, but for its pictures and their page."""
    made = report_on(collect([sweep]), sweep, "it")
    write_runs(runs_table(made.grouped, sweep), sweep)
    return json.dumps(made.digest, allow_nan=False) + (sweep / "runs.csv").read_text()


def everything(sweep):
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


@pytest.mark.slow
@pytest.mark.parametrize("how", TRAPS, ids=lambda how: how.__name__)
@pytest.mark.parametrize("place", PLACES)
def test_whatever_stands_in_a_sweep_leads_nowhere(place, how, sweep, outside):
    path = sweep / place
    remove(path)
    how(path, outside)
    before = seen(outside)
    with guarded():
        said = everything(sweep)
    assert seen(outside) == before
    if (sweep / "1_y").is_symlink():
        del said[1]  # whoever names a directory means it
    assert not any(PRIVATE in text for text in said)
    assert not any("\x1b" in text for text in said)
    if place != "runs.csv" or how is not folder:  # the report cannot be written there
        told = json.loads(said[0][: said[0].rindex("}") + 1])["runs"]
        assert ("a=1", "completed") in {(run["label"], run["status"]) for run in told}


def test_pristine_it_is_all_there(sweep):
    said = everything(sweep)
    told = json.loads(said[0][: said[0].rindex("}") + 1])["runs"]
    statuses = {"a=1": "completed", "a=2": "completed", "a=3": "interrupted"}
    assert {run["label"]: run["status"] for run in told} == statuses
    assert load_run(sweep / "1_y").network.n_replicas == 2
    assert len(load_run(sweep / "2_z").layers) == 48
    assert ask(sweep, "8_x", "x").kept["identity"] == "x"


def test_no_figure_is_removed_through_a_link(sweep, outside):
    (sweep / "figures").symlink_to(outside)
    made = report_on(collect([sweep]), sweep, "it")
    nothing = made.digest | {"runs": [], "effects": []}
    before = seen(outside)
    write_figures(nothing, sweep / "figures")
    assert seen(outside) == before


def test_a_name_from_a_folder_is_not_written_through_a_lock(sweep, outside):
    command = "touch pwned; #"
    write_run(sweep / command, ["a=4"], identity="evil", error="no")
    (sweep / SHARED / "evil").symlink_to(outside / "profile")
    with pytest.raises(ValueError, match=r"must be a regular file\. Found a symbolic link"):
        ask(sweep, "8_evil", "evil")
    (sweep / SHARED / "evil").unlink()
    (sweep / SHARED / "evil.place").symlink_to(outside / "profile")
    assert ask(sweep, "8_evil", "evil").directory.name == command
    assert (outside / "profile").read_text() == PRIVATE
    texts = [path.read_text() for path in (sweep / SHARED).iterdir() if path.is_file()]
    assert not any("pwned" in text for text in texts)


def test_a_run_that_is_a_link_is_neither_renamed_nor_deleted(sweep, outside):
    (sweep / "1_y" / "summary.json").unlink()
    (sweep / "5_y").symlink_to(outside / "run")
    given = ask(sweep, "8_y", "y")
    assert given.has_come
    assert given.directory == sweep / "8_y"
    assert (sweep / "5_y").is_symlink()
    assert (outside / "run" / "summary.json").exists()


def test_a_run_does_not_go_where_a_link_leads(sweep, outside):
    (outside / "empty").mkdir()
    (sweep / "9_new").symlink_to(outside / "empty")
    assert ask(sweep, "9_new", "new").directory == sweep / "10_new"
    with (
        pytest.raises(ValueError, match=r"must be a folder\. Found a symbolic link"),
        turn(sweep, sweep / "9_new", "other", resumed=False, fail_fast=False),
    ):
        pass


@pytest.mark.parametrize("name", ["²_a", "9" * 30, "99999999999999999999_a", "999999999_a"])
def test_numbers_of_foreign_folders_are_not_believed(name, sweep):
    write_run(sweep / name, ["a=5"], identity="w")
    (sweep / "0_new").mkdir()
    assert ask(sweep, "0_new", "new").has_come
    assert ask(sweep, "0_new", "newer").has_come
    assert '"label": "a=1"' in report(sweep)


def test_a_name_that_is_no_utf8_is_a_name(sweep):
    path = Path(os.fsdecode(os.fsencode(sweep) + b"/5_\xff\x1b[31m"))
    write_run(sweep / "5_a", ["a=1"], seeds=[7]).rename(path)
    write_run(sweep / "6_b", ["a=1"], seeds=[8], choices={"loss": "mse"})
    assert "5_?" in report(sweep)
