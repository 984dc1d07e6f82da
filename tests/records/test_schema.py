import numpy as np
import polars as pl
import pytest

from deltaflow.comparison.flow_numbers import FLOW_NUMBERS
from deltaflow.records import LAYERS, METRICS, RUNS, runs_schema
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


@pytest.mark.parametrize("schema", [LAYERS, METRICS, RUNS], ids=lambda s: s.name)
def test_every_column_has_a_unit_and_a_meaning(schema):
    assert all(column.unit and column.meaning for column in schema.columns)
    assert len(set(schema.types)) == len(schema.columns)


def test_what_varies_has_columns_after_the_overrides():
    names = list(runs_schema({"activation": pl.String(), "network.depth": pl.Float64()}).types)
    at = names.index("overrides")
    assert names[at + 1 : at + 3] == ["activation", "network.depth"]
    assert [name for name in names if name in RUNS.types] == list(RUNS.types)


def test_rows_are_sorted_by_the_key_unless_they_are_already():
    seed, step, layer = np.indices((2, 3, 2)).reshape(3, -1)
    data = {"seed": seed, "step": step, "layer": layer + 1, "fan_in": seed + 4, "fan_out": seed + 3}
    ordered = LAYERS.frame(data)
    assert LAYERS.sort(ordered) is ordered
    for seeds in range(20):
        mixed = ordered.sample(fraction=1, shuffle=True, seed=seeds)
        assert LAYERS.sort(mixed).equals(ordered)
    twice = pl.concat([ordered[:3], ordered[2:]])
    assert LAYERS.sort(twice).equals(twice.sort(LAYERS.key))
    assert LAYERS.sort(LAYERS.frame({})).is_empty()


def test_what_varies_takes_no_other_columns_name():
    schema = runs_schema({"status": pl.String()})
    assert schema.types["axis.status"] == pl.String()
    assert list(schema.types).count("status") == 1


@pytest.mark.parametrize("moment", ["final", "best", "test"])
def test_a_report_has_every_metric_of_a_run(moment):
    found = {name for name in RUNS.types if name.startswith(f"{moment}_")}
    assert found == {f"{moment}_{name}" for name in METRICS.quantities}


def test_a_report_has_every_flow_number_of_a_run():
    wanted = {f"{name}_{moment}" for name in FLOW_NUMBERS for moment in ("start", "end")}
    assert wanted <= set(RUNS.types)


def test_the_documentation_is_up_to_date():
    written = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    assert written == documentation() + "\n"
