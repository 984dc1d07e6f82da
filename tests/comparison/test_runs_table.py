"""The table of runs: a row per run and seed."""

import csv
import shutil

import polars as pl
import pytest

from deltaflow.comparison.collection import collect
from deltaflow.comparison.configurations.grouped_runs import group_runs
from deltaflow.comparison.runs_table import runs_table, write_runs
from deltaflow.records import runs_schema
from written import write_run


def table(*folders, at=None):
    return runs_table(group_runs(collect(folders)), at or folders[0])


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "sweep"
    write_run(folder / "0_a", ["activation=relu", "optimizer.lr=0.1"], range(2))
    write_run(folder / "2_a", ["activation=tanh", "optimizer.lr=0.1"], range(2), diverged={1: 12})
    write_run(folder / "10_a", ["activation=tanh", "optimizer.lr=-1"], error="=cmd|' /C calc'!A0")
    return folder


def test_there_is_a_row_per_run_and_seed(sweep):
    frame = table(sweep)
    assert frame.select("run", "seed", "status").rows() == [
        (0, 0, "completed"), (0, 1, "completed"), (2, 0, "completed"), (2, 1, "diverged"),
        (10, None, "failed"),
    ]  # fmt: skip
    assert frame["reason"].to_list()[3:] == ["not finite at step 12", "=cmd|' /C calc'!A0"]
    assert frame["diverged_at_step"].to_list() == [None, None, None, 12, None]
    assert frame["directory"].to_list() == ["0_a", "0_a", "2_a", "2_a", "10_a"]
    types = {"activation": pl.String(), "optimizer.lr": pl.Float64()}
    assert dict(frame.schema) == runs_schema(types).types


def test_its_numbers_are_those_of_the_records(sweep):
    row = table(sweep).row(1, named=True)
    assert row["activation"] == "relu"
    assert row["optimizer.lr"] == 0.1
    assert row["test_accuracy"] == row["best_accuracy"] == pytest.approx(0.91)
    assert row["test_loss"] == pytest.approx(1 / 4 + 0.01)
    assert row["test_r2"] is None
    assert row["decay_rate_start"] == pytest.approx(0.5)
    assert row["decay_rate_end"] == pytest.approx(0.52)
    assert row["predicted_decay_rate"] == pytest.approx(0.5)
    assert row["dead_fraction_end"] == pytest.approx(0.3 + 0.2)  # of the third layer
    assert row["saturated_fraction_end"] is None
    assert (row["verdict"], row["wall_seconds"]) == ("healthy", 2.0)
    assert row["overrides"] == "activation=relu optimizer.lr=0.1"


def test_of_a_network_that_diverged_no_units_are_counted(tmp_path):
    write_run(tmp_path / "0_x", diverged=dict.fromkeys(range(4), 3))
    assert table(tmp_path)["dead_fraction_end"].null_count() == 4


def test_rows_are_in_the_order_of_runs_and_seeds(tmp_path):
    for number, (seed, a) in enumerate([(4, 1), (4, 2), (0, 1), (0, 2)]):
        write_run(tmp_path / f"{number}_x", [f"a={a}", f"seed={seed}"], range(seed, seed + 4))
    rows = table(tmp_path).select("run", "seed").rows()
    assert rows == sorted(rows)


def test_equal_sweeps_give_equal_tables_wherever_they_are(sweep, tmp_path):
    shutil.copytree(sweep, tmp_path / "copy")
    assert table(sweep).equals(table(tmp_path / "copy"))


def test_directories_are_as_seen_from_the_table(sweep, tmp_path):
    frame = table(sweep, at=tmp_path / "report" / "x")
    assert frame["directory"][0] == "../../sweep/0_a"


def test_an_axis_with_a_text_is_one_of_texts(tmp_path):
    write_run(tmp_path / "0_a", ["trainer.gradient_clip_norm=null"])
    write_run(tmp_path / "1_a", ["trainer.gradient_clip_norm=1.5"])
    assert table(tmp_path)["trainer.gradient_clip_norm"].unique().sort().to_list() == [
        "1.5",
        "null",
    ]


def test_halves_of_surrogate_pairs_do_not_stop_it(tmp_path):
    write_run(tmp_path / "0_x", error="lone \ud83d")
    assert table(tmp_path)["reason"].to_list() == ["lone ?"]


def test_it_is_written_whole_and_without_formulas_for_spreadsheets(sweep, tmp_path):
    frame = table(sweep)
    (tmp_path / "out").mkdir()
    write_runs(frame, tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out" / "runs.parquet").equals(frame)
    with (tmp_path / "out" / "runs.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == frame.columns
    assert len(rows) == 5
    last = dict(zip(header, rows[-1], strict=True))
    assert last["reason"] == "'=cmd|' /C calc'!A0"
    assert last["optimizer.lr"] == "-1.0"  # a number is none
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["runs.csv", "runs.parquet"]


FULL_WIDTH = "\uff1d", "\uff0b", "\uff0d", "\uff20"
SMALL = "\ufe66", "\ufe62", "\ufe63", "\ufe6b"
RAISED = "\u207c", "\u207a", "\u208c", "\u208a"
SPACED = " =", "\u00a0=", "\u3000\uff1d", "\x00=", "\u200b=", "\ufeff+", "\t =", "\x1f@"


@pytest.mark.parametrize("text", ["", " ", "a=1", "1-1", "\u00e9+", "'=1", "(=1)", "\uff11"])
def test_other_texts_stay_as_they_are(tmp_path, text):
    write_runs(pl.DataFrame({"x": [text, None], "y": [-1.0, 2.0]}), tmp_path)
    with (tmp_path / "runs.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["x", "y"], [text, "-1.0"], ["", "2.0"]]


@pytest.mark.parametrize(
    "start",
    ["=", "+", "-", "@", "\t", "\r", "\n", "\u2212", *FULL_WIDTH, *SMALL, *RAISED, *SPACED],
    ids=ascii,
)
def test_no_text_in_it_begins_as_a_formula_does(tmp_path, start):
    frame = pl.DataFrame({"reason": [f"{start}1+1", "1+1"], f"{start}name": [None, "x"]})
    write_runs(frame, tmp_path)
    with (tmp_path / "runs.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["reason", f"'{start}name"]
    assert rows == [[f"'{start}1+1", ""], ["1+1", "x"]]
