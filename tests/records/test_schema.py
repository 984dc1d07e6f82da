import polars as pl
import pytest

from deltaflow.records import LAYERS, METRICS
from deltaflow.records.__main__ import documentation
from running import ROOT

ROW = {"seed": [0], "step": [0], "layer": [1], "fan_in": [4], "fan_out": [3]}


def test_a_column_that_is_left_out_is_null():
    frame = LAYERS.frame(ROW | {"delta_norm": [0.5]})
    assert frame.columns == list(LAYERS.types)
    assert frame["delta_norm"].to_list() == [0.5]
    assert frame["dead_fraction"].to_list() == [None]


def test_not_a_number_is_not_null():
    frame = LAYERS.frame(ROW | {"delta_norm": [float("nan")]})
    assert frame["delta_norm"].null_count() == 0
    assert frame["delta_norm"].is_nan().all()


def test_an_unknown_column_is_refused():
    with pytest.raises(ValueError, match="Found delta_median"):
        LAYERS.frame(ROW | {"delta_median": [0.5]})


def test_a_row_without_its_key_is_refused():
    with pytest.raises(ValueError, match="`step` of the table `layers` applies to every row"):
        LAYERS.frame(ROW | {"step": [None]})


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.rename({"delta_rms": "delta"}),
        lambda f: f.drop("weight_rms"),
        lambda f: f.select(reversed(f.columns)),
        lambda f: f.with_columns(pl.col("delta_norm").cast(pl.Float32)),
    ],
    ids=["renamed", "missing", "reordered", "other type"],
)
def test_a_table_that_differs_from_its_schema_is_refused(change):
    with pytest.raises(ValueError, match="must have the columns"):
        LAYERS.check(change(LAYERS.frame(ROW)))


@pytest.mark.parametrize("schema", [LAYERS, METRICS], ids=lambda s: s.name)
def test_every_column_has_a_unit_and_a_meaning(schema):
    assert all(column.unit and column.meaning for column in schema.columns)
    assert len(set(schema.types)) == len(schema.columns)


def test_the_documentation_is_up_to_date():
    written = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    assert written == documentation() + "\n"
