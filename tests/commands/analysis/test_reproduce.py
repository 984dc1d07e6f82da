"""A run is trained again from its directory, and its records are compared."""

import json
import math
import sys

import polars as pl
import pytest

from deltaflow import run_sweep
from deltaflow.commands.analysis import reproduce
from deltaflow.records import LAYERS, METRICS, differences, parquet_bytes
from running import exit_status, run

SHORT = ["data=moons", "trainer.max_epochs=2", "logger=none", "n_seeds=2", "network.depth=2"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduced") / "run"
    run(SHORT, folder)
    return folder


@pytest.fixture
def copied(directory, tmp_path):
    """The same run, to be changed."""
    folder = tmp_path / "copy"
    folder.mkdir()
    for name in ("summary.json", "layers.parquet", "metrics.parquet"):
        (folder / name).write_bytes((directory / name).read_bytes())
    return folder


@pytest.fixture
def said(capsys):
    """Output, message and status of the command."""

    def command(*arguments):
        status = exit_status(reproduce.main, [str(argument) for argument in arguments])
        return *capsys.readouterr(), status

    return command


def changed(folder, **fields):
    path = folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_a_run_gives_the_same_records_again(directory, said, tmp_path):
    out, err, status = said(directory, "--out", tmp_path / "again")
    assert (err, status) == ("", 0)
    assert out.count("every value the same") == 2
    for name in ("layers", "metrics"):
        tables = [pl.read_parquet(f / f"{name}.parquet") for f in (directory, tmp_path / "again")]
        assert tables[0].equals(tables[1], null_equal=True)


def test_one_value_that_differs_is_told_with_its_step(copied, said):
    table = pl.read_parquet(copied / "layers.parquet")
    last = table["step"].max()
    of_last = pl.when(pl.col("step") == last).then(pl.col("delta_norm") * 1.001)
    table = table.with_columns(of_last.otherwise(pl.col("delta_norm")).alias("delta_norm"))
    (copied / "layers.parquet").write_bytes(parquet_bytes(table))
    out, err, status = said(copied)
    assert status == 1
    assert f"different from step {last} on, by 0.001 of a value at most (delta_norm)" in out
    assert "--tolerance" in err
    assert said(copied, "--tolerance", "0.002")[2] == 0


def test_a_row_that_is_missing_is_told(copied, said):
    table = pl.read_parquet(copied / "metrics.parquet")
    (copied / "metrics.parquet").write_bytes(parquet_bytes(table[:-1]))
    out, _, status = said(copied, "--tolerance", "10")
    assert (status, "1 that only one of the runs has" in out) == (1, True)


@pytest.mark.parametrize(("fields", "expected"), [
    ({"overrides": [*SHORT, "+callbacks.mine._target_=os.system"]}, "--trust"),
    ({"overrides": [*SHORT, "optimizer.lr=0.3"]}, "must give the same run"),
    ({"overrides": ["network.deep=3"]}, "network.deep"),
    ({"status": "interrupted"}, "which is interrupted"),
], ids=["class", "settings", "override", "status"])  # fmt: skip
def test_what_cannot_be_reproduced_trains_nothing(copied, said, fields, expected, tmp_path):
    changed(copied, **fields)
    _, err, status = said(copied, "--out", tmp_path / "again")
    assert (status, expected in err, "Traceback" in err) == (1, True, False)
    assert not (tmp_path / "again").exists()


def test_a_class_of_ones_own_is_built_if_it_is_trusted(said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_of_this_test.py").write_text("from torch.nn import Softsign as Own\n")
    with monkeypatch.context() as there:
        there.syspath_prepend(tmp_path)
        run([*SHORT, "activation._target_=own_of_this_test.Own"], tmp_path / "run")
    del sys.modules["own_of_this_test"]  # found again where the command is started
    monkeypatch.setattr("sys.path", [*sys.path])
    assert said(tmp_path / "run")[2] == 1
    out, err, status = said(tmp_path / "run", "--trust")
    assert (err, status, out.count("every value the same")) == ("", 0, 2)


@pytest.mark.parametrize("arguments", [["no such run"], ["--tolerance", "-1"], []], ids=str)
def test_bad_arguments_are_refused(directory, said, arguments):
    where = [] if arguments[:1] != ["--tolerance"] else [directory]
    _, err, status = said(*where, *arguments)
    assert (status, err.count("\n"), "Traceback" in err) == (1, 1, False)


def test_a_run_of_a_sweep_is_reproduced_to_rounding(said, tmp_path):
    run_sweep([*SHORT, "activation=tanh,relu"], tmp_path / "sweep")
    (first, *_) = sorted(path.parent for path in (tmp_path / "sweep").glob("*/summary.json"))
    out, _, status = said(first, "--tolerance", "1e-3")
    assert (status, "in a stack of 2 runs" in out) == (0, True)


def test_differences_of_what_is_no_number():
    key = {"seed": [0] * 4, "epoch": range(4), "split": ["train"] * 4}
    one = METRICS.frame(key | {"loss": [1.0, math.nan, math.inf, None]})
    assert differences(METRICS, one, one).maximum == 0
    for value, first in ((math.nan, 0), (None, 0), (2.0, 0)):
        other = METRICS.frame(key | {"loss": [value, math.nan, math.inf, None]})
        found = differences(METRICS, one, other)
        assert (found.maximum, found.first) == (0.5 if value == 2.0 else math.inf, first)
    other = METRICS.frame(key | {"loss": [1.0, math.nan, -math.inf, 0.0]})
    assert differences(METRICS, one, other).first == 2
    assert differences(LAYERS, LAYERS.frame({}), LAYERS.frame({})).maximum == 0
