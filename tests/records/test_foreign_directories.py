"""A sweep from somebody else, in which any file may be anything: nothing outside is touched."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deltaflow import load_run
from deltaflow.comparison.collection import collect
from deltaflow.figures.sweep_figures import write_figures
from deltaflow.sweep.directory import SHARED
from deltaflow.sweep.lease import lease
from deltaflow.sweep.report import report_on
from foreign import (
    PLACES,
    TRAPS,
    ask,
    everything,
    folder,
    guarded,
    remove,
    report,
    statuses,
    write_sweep,
)
from written import write_run

PRIVATE = "nobody may read this"
AT_ONCE = (  # places none of which is behind another: each is reached all the same
    ("multirun.yaml", ".sweep/y", "1_y/layers.parquet", "figures"),
    (".sweep/y.place", ".sweep/new", "1_y/metrics.parquet", ".sweep/failed"),
    (".sweep/numbers", "1_y/checkpoints/last.ckpt", "2_z/records/layers-00000.parquet"),
    (".sweep/replaced-0", "1_y/.hydra/config.yaml", "9_new"),
    (".sweep", "1_y/.hydra"), ("1_y", "2_z/records"), ("1_y/summary.json",),
    ("1_y/checkpoints", "runs.csv"),
)  # fmt: skip
pytestmark = [
    pytest.mark.filterwarnings("ignore:Rows are lost"),
    pytest.mark.filterwarnings("ignore:Runs must be in folders"),
]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return write_sweep(tmp_path_factory.mktemp("pristine") / "sweep")


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


def test_every_place_has_its_turn():
    assert sorted(place for places in AT_ONCE for place in places) == sorted(PLACES)


@pytest.mark.slow
@pytest.mark.parametrize("how", TRAPS, ids=lambda how: how.__name__)
@pytest.mark.parametrize("places", AT_ONCE, ids=", ".join)
def test_whatever_stands_in_a_sweep_leads_nowhere(places, how, sweep, outside):
    for place in places:
        remove(sweep / place)
        how(sweep / place, outside)
    before = seen(outside)
    with guarded():
        said = everything(sweep)
    assert seen(outside) == before
    if (sweep / "1_y").is_symlink():
        del said[1]  # whoever names a directory means it
    assert not any(PRIVATE in text for text in said)
    assert not any("\x1b" in text for text in said)
    if "runs.csv" not in places or how is not folder:  # the report cannot be written there
        assert ("a=1", "completed") in statuses(said)


def test_pristine_it_is_all_there(sweep):
    said = everything(sweep)
    ended = {("a=1", "completed"), ("a=2", "completed"), ("a=3", "interrupted")}
    assert statuses(said) == ended
    assert load_run(sweep / "1_y").network.n_replicas == 2
    assert len(load_run(sweep / "2_z").layers) == 48
    assert ask(sweep, "8_x", "x").finished.identity == "x"


@pytest.mark.usefixtures("real_pictures")
def test_no_figure_is_removed_through_a_link(sweep, outside):
    (sweep / "figures").symlink_to(outside)
    made = report_on(collect([sweep]), sweep, "it")
    nothing = replace(made.comparison, ranking=[], effects=[])
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
    assert given.granted
    assert given.directory == sweep / "8_y"
    assert (sweep / "5_y").is_symlink()
    assert (outside / "run" / "summary.json").exists()


def test_a_run_does_not_go_where_a_link_leads(sweep, outside):
    (outside / "empty").mkdir()
    (sweep / "9_new").symlink_to(outside / "empty")
    assert ask(sweep, "9_new", "new").directory == sweep / "10_new"
    with (
        pytest.raises(ValueError, match=r"must be a folder\. Found a symbolic link"),
        lease(sweep, sweep / "9_new", "other", resumed=False, fail_fast=False),
    ):
        pass


@pytest.mark.parametrize("name", ["²_a", "9" * 30, "99999999999999999999_a", "999999999_a"])
def test_numbers_of_foreign_folders_are_not_believed(name, sweep):
    write_run(sweep / name, ["a=5"], identity="w")
    (sweep / "0_new").mkdir()
    assert ask(sweep, "0_new", "new").granted
    assert ask(sweep, "0_new", "newer").granted
    assert '"label": "a=1"' in report(sweep)


def test_a_name_that_is_no_utf8_is_a_name(sweep):
    path = Path(os.fsdecode(os.fsencode(sweep) + b"/5_\xff\x1b[31m"))
    write_run(sweep / "5_a", ["a=1"], seeds=[7]).rename(path)
    write_run(sweep / "6_b", ["a=1"], seeds=[8], choices={"loss": "mse"})
    assert "5_?" in report(sweep)
