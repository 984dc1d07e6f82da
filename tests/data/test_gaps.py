"""Gaps, dates, orders and several targets: right, or refused with the override that settles it."""

import datetime

import numpy as np
import polars as pl
import pytest
from made_tables import GRADES, by_scikit_learn, gappy_table
from plain_tables import table

from deltaflow.data import Kind, Preprocessing, ReplicaData, read_unseen

N = 40
X = [k % 7 + 0.5 for k in range(N)]
KIND = ["a", "b"] * (N // 2)
SIZES = ["small", "large", "medium", "small"] * (N // 4)


@pytest.fixture
def read(tmp_path, monkeypatch):
    """A table of these columns beside `x` and `kind`, as samples."""
    monkeypatch.chdir(tmp_path)

    def samples(columns, target="kind", parquet=False, **settings):
        frame = pl.DataFrame({"x": X, "kind": KIND} | columns)
        name = "t.parquet" if parquet else "t.csv"
        (frame.write_parquet if parquet else frame.write_csv)(tmp_path / name)
        return table(name, target, **settings)

    return samples


def holed(values, *rows):
    return [None if k in rows else value for k, value in enumerate(values)]


def column(samples, name):
    """What became of a column, and its inputs."""
    end = 0
    for one in samples.columns:
        end += one.n_inputs
        if one.name == name:
            return one, samples.features[:, end - one.n_inputs : end]
    raise AssertionError(name)


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("split_seed", [0, 1])
def test_inputs_are_those_of_scikit_learn_fitted_on_the_training_part(
    parquet, split_seed, tmp_path
):
    frame, targets = gappy_table()
    path = tmp_path / ("t.parquet" if parquet else "t.csv")
    (frame.write_parquet if parquet else frame.write_csv)(path)
    rules = {"missing": "indicator", "dates": "days", "order": {"grade": GRADES}}
    samples = table(str(path), "kind", **rules)
    data = ReplicaData(samples, [0], None, (0.6, 0.2, 0.2), split_seed, standardize=True)
    assert samples.targets.tolist() == targets.tolist()
    expected = by_scikit_learn(frame, data._train[0])
    found = data.preprocessing.inputs(samples.features)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    read_again = read_unseen(frame.select(reversed(frame.columns)), data.preprocessing)
    np.testing.assert_array_equal(read_again.features, samples.features)
    assert read_again.targets.tolist() == targets.tolist()


def test_the_preprocessing_outlives_its_file(tmp_path):
    frame, _ = gappy_table()
    frame.write_csv(tmp_path / "t.csv")
    rules = {"missing": "median", "dates": "days", "order": {"grade": GRADES}}
    samples = table(str(tmp_path / "t.csv"), "kind", **rules)
    learnt = Preprocessing.fit(samples, np.arange(60), standardize=True)
    assert learnt.to_primitives()["fill"] == learnt.fill
    assert len(learnt.fill) == samples.features.shape[1] == len(learnt.center)


GAPS = {
    "numbers": (X, [np.nan]),
    "whole numbers": ([k % 9 for k in range(N)], [np.nan]),
    "categories": (["red", "blue", "green", "blue"] * (N // 4), [np.nan] * 3),
    "two answers": (["yes", "no", "no", "no"] * (N // 4), [np.nan]),
    "truth": ([True, False] * (N // 2), [np.nan]),
}


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("what", GAPS)
def test_each_policy_does_what_it_says(what, parquet, read):
    values, nothing = GAPS[what]
    gap = {"gap": holed(values, 3, 17)}
    plain, inputs = column(read({"gap": list(values)}, parquet=parquet), "gap")
    with pytest.raises(ValueError, match=r"nothing in column `gap`, data row 4 of .* `data\.mis"):
        read(gap, parquet=parquet)
    dropped = read(gap, parquet=parquet, missing="drop")
    assert column(dropped, "gap")[0] == plain
    assert np.array_equal(column(dropped, "gap")[1], np.delete(inputs, [3, 17], axis=0))
    assert (dropped.reading.n_rows, dropped.reading.n_rows_left_out) == (N - 2, 2)
    assert [dropped.reading.file_row(row) for row in (2, 3)] == [2, 4]
    filled, found = column(read(gap, parquet=parquet, missing="median"), "gap")
    assert filled == plain
    inputs[[3, 17]] = np.nan
    np.testing.assert_array_equal(found, inputs)
    told, found = column(read(gap, parquet=parquet, missing="indicator"), "gap")
    assert (told.has_indicator, told.n_inputs) == (True, plain.n_inputs + 1)
    np.testing.assert_array_equal(found[3], [*nothing, 1])
    np.testing.assert_array_equal(found[:, :-1], inputs)
    assert np.flatnonzero(found[:, -1]).tolist() == [3, 17]


def test_a_category_that_only_incomplete_rows_have_goes_with_them(read):
    colours = ["red", "blue"] * (N // 2)
    colours[5] = "rare"
    samples = read({"colour": colours, "gap": holed(X, 5)}, missing="drop")
    assert column(samples, "colour")[0].categories == ("blue", "red")


@pytest.mark.parametrize("missing", ["drop", "median", "indicator"])
def test_rows_without_a_target_are_left_out(missing, read):
    samples = read({"kind": holed(KIND, 0, 7)}, missing=missing)
    assert len(samples) == N - 2
    assert samples.task.classes == ("a", "b")
    assert samples.features[:, 0].tolist() == [x for k, x in enumerate(X) if k not in (0, 7)]
    truth = read({"kind": holed([True, False] * (N // 2), 1)}, missing=missing)
    assert truth.task.classes == ("false", "true")


@pytest.mark.parametrize("missing", ["drop", "median", "indicator"])
def test_a_column_of_nothing_is_left_out(missing, read):
    samples = read({"gap": [None] * N}, missing=missing)
    assert column(samples, "gap")[0].left_out == "always missing"
    assert len(samples) == N


def test_a_gap_may_say_more_than_the_value(read):
    only = {"gap": [None, "yes"] * (N // 2)}
    assert column(read(only, missing="median"), "gap")[0].left_out == "always yes"
    told, found = column(read(only, missing="indicator"), "gap")
    assert told.n_inputs == 2
    assert found[:2, 1].tolist() == [1, 0]


def test_gaps_are_filled_by_the_training_part_alone(read):
    numbers = [1.0, 2.0, 4.0, None, 100.0, None, *[7.0] * (N - 6)]
    samples = read({"n": numbers}, missing="median")
    learnt = Preprocessing.fit(samples, np.array([0, 1, 2, 3]), standardize=False)
    found = learnt.inputs(samples.features)
    place = [c.name for c in samples.columns].index("n")
    assert found[3:6, place].tolist() == [2, 100, 2]
    with pytest.raises(ValueError, match=r"none of `n` in its 2 rows\. Use `data\.drop=\[n\]`"):
        Preprocessing.fit(samples, np.array([3, 5]), standardize=True)


@pytest.mark.parametrize(
    ("texts", "days"),
    [
        (["1970-01-02", "2024-05-31"], [1, 19874]),
        (["1970/1/2", "2024/5/31"], [1, 19874]),
        (["2.1.1970", "31.05.2024"], [1, 19874]),
        (["2/1/1970", "31/5/2024"], [1, 19874]),
        (["1/2/1970", "5/31/2024"], [1, 19874]),
        (["2-Jan-1970", "31-May-2024"], [1, 19874]),
        (["Jan 2, 1970", "May 31, 2024"], [1, 19874]),
        (["January 2 1970", "May 31 2024"], [1, 19874]),
        (["1970-01", "2024-05"], [0, 19844]),
        (["1970-01-02 06:00", "1970-01-02T18:00:00Z"], [1.25, 1.75]),
        (["1970-01-02 06:00:00+01:00", "1970-01-01"], [1 + 5 / 24, 0]),
        (["06:00", "18:30:00"], [0.25, 18.5 / 24]),
        (["12:00 AM", "6:00 p.m."], [0, 0.75]),
    ],
)
def test_dates_in_one_form_are_days(texts, days, read):
    samples = read({"day": texts * (N // 2)}, dates="days")
    made, found = column(samples, "day")
    assert made.kind is Kind.DATE
    np.testing.assert_allclose(found[:2, 0], days)
    learnt = Preprocessing.fit(samples, np.arange(N), standardize=True)
    again = read_unseen({"x": [1.0], "day": [texts[0]]}, learnt)
    np.testing.assert_allclose(again.features[0, 1], days[0])
    with pytest.raises(ValueError, match=r"Found `soon` in column `day`, data row 1 .*such as %"):
        read_unseen({"x": [1.0], "day": ["soon"]}, learnt)


def test_typed_dates_are_days(read):
    moment = datetime.datetime(1970, 1, 2, 6)
    several = {
        "date": [moment.date()] * 20 + [datetime.date(1970, 1, 5)] * 20,
        "moment": [moment, None] * 20,
        "clock": [moment.time(), datetime.time(18)] * 20,
        "span": [moment - datetime.datetime(1970, 1, 1), datetime.timedelta(0)] * 20,
    }
    samples = read(several, parquet=True, dates="days", missing="indicator")
    expected = {"date": 1, "moment": 1.25, "clock": 0.25, "span": 1.25}
    assert {name: column(samples, name)[1][0, 0] for name in several} == expected
    assert np.isnan(column(samples, "moment")[1][1, 0])
    with pytest.raises(ValueError, match=r"use `data\.dates=days data\.missing=median`\.$"):
        read(several, parquet=True)


def test_an_order_is_a_number(read):
    order = {"size": ["small", "medium", "large"]}
    samples = read({"size": SIZES}, order=order)
    made, found = column(samples, "size")
    assert (made.kind, made.categories) == (Kind.ORDER, ("small", "medium", "large"))
    assert found[:4, 0].tolist() == [0, 2, 1, 0]
    learnt = Preprocessing.fit(samples, np.arange(N), standardize=True)
    assert learnt.scale[1] == pytest.approx(np.std([0, 2, 1, 0]))
    again = read_unseen({"x": [1.0], "size": ["large"]}, learnt)
    assert again.features[0].tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"`huge` in column `size`, data row 1 .*known are `sma"):
        read_unseen({"x": [1.0], "size": ["huge"]}, learnt)


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize(
    "values", [[3, 1, 2, 1], ["NA", "some", "much", "NA"], [3.0, 1.0, 2.0, 1.0]]
)
def test_an_order_may_be_of_any_words(values, parquet, read):
    first, second, third, _ = values
    samples = read({"v": values * 10}, order={"v": [first, third, second]}, parquet=parquet)
    assert column(samples, "v")[1][:4, 0].tolist() == [0, 2, 1, 0 if values[3] == first else 2]


def test_several_numbers_may_be_predicted(read):
    several = {"y": [k * 0.5 for k in range(N)], "z": [k % 3 for k in range(N)]}
    samples = read(several, ["z", "y"], drop=["kind"])
    assert samples.task.targets == ("z", "y")
    assert samples.targets[:3].tolist() == [[0, 0], [1, 0.5], [2, 1]]
    assert samples.reading.target_ranges == ((0, 2), (0, 19.5))
    assert [c.name for c in samples.columns if c.n_inputs] == ["x"]


DAYS = [f"2024-05-{k % 28 + 1:02}" for k in range(N)]
REFUSED = {
    "all that an override settles": (
        {"gap": holed(X, 1), "day": DAYS}, {}, "or use `data.dates=days data.missing=median`."),
    "what must go as well": (
        {"gap": holed(X, 1), "day": DAYS, "id": [f"n{k}" for k in range(N)]}, {},
        "or use `data.dates=days data.missing=median data.drop=[id]`."),
    "a date with a gap": (
        {"day": holed(DAYS, 4)}, {}, "or use `data.dates=days data.missing=median`."),
    "an identifier with a gap": (
        {"id": holed([f"n{k}" for k in range(N)], 4)}, {}, "or use `data.drop=[id]`."),
    "gaps alone": ({"gap": holed(X, 1)}, {}, "use `data.missing=median`, `indicator` or `drop`."),
    "a gap in the target": ({"kind": holed(KIND, 2)}, {}, "use `data.missing=median`, `indicator`"),
    "a target of dates": ({"kind": DAYS}, {"dates": "days"}, "or choose another `data.target`."),
    "days or months": ({"day": ["3/4/2024", "5/6/2024"] * 20}, {"dates": "days"},
                       "(day, month or year may be several of its numbers)"),
    "two forms of dates": ({"day": ["31.5.2024", "2024-05-30"] * 20}, {"dates": "days"},
                           "(it has no form that all others have too)"),
    "a word among dates": ({"day": [*DAYS[1:], "soon"]}, {"dates": "days"}, "(`soon` is none)"),
    "no such day": ({"day": ["2024-02-30", "2024-02-29"] * 20}, {"dates": "days"}, "no form that"),
    "ambiguous dates, nothing asked for": (
        {"day": ["3/4/2024", "5/6/2024"] * 20}, {}, "or use `data.drop=[day]`."),
    "a category that the order has not": (
        {"size": SIZES}, {"order": {"size": ["small", "large"]}},
        "`medium` in column `size`, data row 3 of t.csv (it has `small`, `large`)"),
    "an order with a gap": (
        {"size": holed(SIZES, 1)}, {"order": {"size": ["small", "medium", "large"]}},
        "nothing in column `size`, data row 2"),
    "an order of nothing": ({"size": SIZES}, {"order": {"size": ["small"]}}, "Found ['small']"),
    "an order twice": ({"size": SIZES}, {"order": {"size": ["small", "small"]}}, "each once"),
    "an order in a word": ({"size": SIZES}, {"order": {"size": "small"}}, "Found small for `size`"),
    "an order of no column": ({"size": SIZES}, {"order": {"sice": ["a", "b"]}}, "mean `size`?"),
    "an order of the target": ({}, {"order": {"kind": ["a", "b"]}}, "the target `kind` in it"),
    "no such policy": ({}, {"missing": "mean"}, "must be refuse or drop or median or indicator"),
    "no such dates": ({}, {"dates": "number"}, "`data.dates` must be refuse or days. Found num"),
    "no row without a gap": ({"a": holed(X, *range(0, N, 2)), "b": holed(X, *range(1, N, 2))},
                             {"missing": "drop"}, "one in each of the 40 rows of t.csv, most of"),
    "a target of nothing": ({"kind": [None] * N}, {"missing": "median"}, "`kind` (40 of 40)"),
    "nothing but gaps": ({"x": [None] * N}, {"missing": "median"}, "none in t.csv that is in use"),
    "an infinite number beside a gap": (
        {"n": holed([*X[1:], 1e39], 3)}, {"missing": "median"}, "1e+39 in column `n`, data row 40"),
    "a word among numbers and gaps": (
        {"n": holed([*map(str, X[1:]), "many"], 3)}, {"missing": "median"},
        "`many` in column `n`, data row 40"),
    "a class among several targets": ({"y": X}, {"target": ["y", "kind"]}, "Found `kind` of t.csv"),
    "classes of several targets": (
        {"y": X}, {"target": ["y", "x"], "task": "classification", "features": ["kind"]},
        "and `data.task=classification`"),
    "a constant among several targets": (
        {"y": [1.0] * N}, {"target": ["x", "y"]}, "`1` in each of the 40 rows of column `y`"),
    "several targets, one of none": ({"y": X}, {"target": ["y", "w"]}, "Found `w`, which is none"),
    "a target among the features": (
        {"y": X}, {"target": ["x", "y"], "features": ["y", "kind"]}, "the target `y` in it"),
    "no target": ({}, {"target": []}, "must name the column to predict. Found []"),
}  # fmt: skip


@pytest.mark.parametrize("awkward", REFUSED)
def test_what_cannot_be_made_of_a_table_is_refused_in_one_message(awkward, read):
    columns, settings, said = REFUSED[awkward]
    with pytest.raises(ValueError, match=r"^[^\n]+ Found [^\n]+[.?]$") as refused:
        read(columns, **settings)
    assert said in str(refused.value)


def test_the_override_of_a_message_settles_all_of_it(read):
    columns = {"gap": holed(X, 1), "day": holed(DAYS, 2), "kind": holed(KIND, 3),
               "id": [f"n{k}" for k in range(N)]}  # fmt: skip
    samples = read(columns, dates="days", missing="median", drop=["id"])
    assert (len(samples), samples.features.shape[1]) == (N - 1, 3)


def test_far_numbers_are_named_by_their_row_in_the_file(tmp_path):
    far = [k % 9 - 4.5 for k in range(100)]
    far[56] = -1e9
    kind = holed(["a", "b"] * 50, 3, 10)
    pl.DataFrame({"far": far, "x": holed([*X, *X, *X][:100], 5), "kind": kind}).write_csv(
        tmp_path / "t.csv"
    )
    with pytest.warns(UserWarning, match=r"Found -1e\+09 in column `far`, data row 57 of"):
        table(str(tmp_path / "t.csv"), "kind", missing="median")
