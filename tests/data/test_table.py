import csv
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_tables import table
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deltaflow.data import ReplicaData
from deltaflow.data.columns import Column, Kind
from deltaflow.nn.task import Classification, Regression

N = 40
COLUMNS = {
    "size": [float(k * k % 7) + 0.25 for k in range(N)],
    "colour": ["red", "blue", "green", "blue"] * (N // 4),
    "wild": [k % 3 == 0 for k in range(N)],
    "planet": ["earth"] * N,
    "kind": ["b", "a"] * (N // 2),
}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """A table of these columns, as samples."""
    monkeypatch.chdir(tmp_path)

    def samples(columns, target="kind", task=None, features=None, drop=(), name="t.csv"):
        frame = pl.DataFrame(columns)
        write = frame.write_csv if name.endswith("csv") else frame.write_parquet
        write(tmp_path / name)
        return table(name, target, task, features, drop)

    return samples


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_each_column_becomes_what_it_is(name, read):
    samples = read(COLUMNS, name=name)
    colours = [[float(c == each) for each in ("blue", "green", "red")] for c in COLUMNS["colour"]]
    expected = np.column_stack([COLUMNS["size"], colours, COLUMNS["wild"]])
    assert np.array_equal(samples.features, expected)
    assert [column.n_inputs for column in samples.columns] == [1, 3, 1, 0]
    assert samples.task == Classification(("a", "b"))
    assert samples.targets.tolist() == [1, 0] * (N // 2)
    reading = samples.reading
    assert (reading.path, reading.n_rows, reading.targets) == (name, N, ("kind",))
    assert reading.class_counts == {"a": N // 2, "b": N // 2}
    assert reading.target_ranges == ()
    assert reading.columns == (
        Column("size", Kind.NUMBER, 1),
        Column("colour", Kind.CATEGORY, 3, categories=("blue", "green", "red")),
        Column("wild", Kind.BOOLEAN, 1),
        Column("planet", Kind.CATEGORY, left_out="always earth"),
    )


RED, DARK = "red", "dark, 'blue' \"x\";\tü [bold]"
ROWS = st.lists(
    st.tuples(
        st.floats(-1e9, 1e9), st.sampled_from([RED, DARK, "Q"]), st.booleans(),
        st.integers(-9, 9), st.floats(-1e3, 1e3).map(lambda x: x + 0.5 * x.is_integer()),
    ), min_size=9, max_size=30,
)  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows=ROWS, separator=st.sampled_from(",\t"), split_seed=st.integers(0, 3))
def test_a_csv_file_gives_what_the_obvious_reference_gives(rows, separator, split_seed):
    rows = [(0.5, RED, True, 1, 0.5), (1.5, DARK, False, 2, -7.5), *rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=separator)
            writer.writerows([("x, 1", "colour", "wild", "n", "y"), *rows])
        samples = table(str(path), "y", "regression", None, [])
        with path.open(encoding="utf-8", newline="") as file:
            records = list(csv.DictReader(file, delimiter=separator))
    numbers = np.array([[float(r["x, 1"]), float(r["n"])] for r in records])
    wild = np.array([[r["wild"] == "True"] for r in records], dtype=float)
    colours = [[r["colour"].strip()] for r in records]
    encoder = OneHotEncoder(sparse_output=False, drop="if_binary").fit(colours)
    targets = np.array([[float(r["y"])] for r in records])

    data = ReplicaData(samples, [0], None, (1, 0, 0), split_seed, standardize=True)
    ((x, y),) = data.train_dataloader()
    expected = np.column_stack([StandardScaler().fit_transform(numbers), wild])
    expected = np.insert(expected, [1], encoder.transform(colours), axis=1)
    order = [0, *range(1, 1 + encoder.transform(colours).shape[1]), -1, -2]
    np.testing.assert_allclose(x[0], expected[:, order], atol=1e-5)
    np.testing.assert_allclose(y[0], StandardScaler().fit_transform(targets), atol=1e-4)
    assert samples.reading.target_ranges == ((targets.min(), targets.max()),)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
@pytest.mark.parametrize(
    ("target", "classes"),
    [
        (["x", "b", "a", "b"], ("a", "b", "x")),
        ([True, False, True, True], ("false", "true")),
        ([10, 9, 2, 10], ("2", "9", "10")),
        ([-1.0, 2.0, -1.0, 2.0], ("-1", "2")),
        (["1", "0", "0", "1"], ("0", "1")),
        ([0.5, 1, 0.5, 1], None),
        ([0.0, 1.0, 2.0, 3.0], ("0", "1", "2", "3")),
    ],
    ids=["text", "truth", "whole", "whole with a point", "in words", "halves", "four"],
)
def test_the_task_is_inferred_from_the_target(name, target, classes, read):
    samples = read({"x": list(range(N)), "kind": target * (N // 4)}, name=name)
    if classes is None:
        assert samples.task == Regression(("kind",), scale=(1.0,))
        assert samples.targets[:, 0].tolist() == target * (N // 4)
    else:
        assert samples.task == Classification(classes)
        names = [classes[k] for k in samples.targets[:4]]
        shown = [str(v).lower() if isinstance(v, bool) else str(v) for v in target]
        assert names == [value.removesuffix(".0") for value in shown]


@pytest.mark.parametrize(
    ("n_different", "n_rows", "kind"),
    [(20, 40, Classification), (20, 39, Regression), (21, 200, Regression), (2, 4, Classification)],
)
def test_whole_numbers_are_classes_if_they_are_few_and_come_back(n_different, n_rows, kind, read):
    target = [row % n_different for row in range(n_rows)]
    assert isinstance(read({"x": range(n_rows), "kind": target}).task, kind)


def test_the_task_can_be_set(read):
    numbers = {"x": range(N), "kind": [1.5, 3, 3, 10] * (N // 4)}
    assert read(numbers, task="classification").task == Classification(("1.5", "3", "10"))
    whole = {"x": range(N), "kind": [1, 3] * (N // 2)}
    assert read(whole).task == Classification(("1", "3"))
    assert read(whole, task="regression").targets[:2].tolist() == [[1.0], [3.0]]
    truth = {"x": range(N), "kind": [True, False] * (N // 2)}
    assert read(truth, task="regression").targets[:2].tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize(
    ("features", "drop", "used"),
    [
        (None, [], {"size", "colour", "wild"}),
        (None, ["wild", "size"], {"colour"}),
        (None, "wild", {"size", "colour"}),
        (None, None, {"size", "colour", "wild"}),
        (["wild", "size"], [], {"size", "wild"}),
        ("size", [], {"size"}),
        (["wild", "size"], ["size"], {"wild"}),
    ],
)
def test_features_and_drop_choose_columns(features, drop, used, read):
    columns = read(COLUMNS, features=features, drop=drop).reading.columns
    assert {column.name for column in columns if column.n_inputs} == used
    reasons = {column.name: column.left_out for column in columns if column.left_out}
    for name in drop or []:
        assert reasons.get(name, "data.drop") == "data.drop"
    assert all(why in ("data.drop", "not in data.features", "always earth")
               for why in reasons.values())  # fmt: skip
    assert len(columns) == 4


def test_what_is_wrong_with_a_column_that_is_left_out_does_not_matter(read):
    bad = {"id": [f"name {k}" for k in range(N)], "day": ["2024-05-06", None] * (N // 2)}
    samples = read(COLUMNS | bad, drop=["id", "day"])
    assert samples.features.shape == (N, 5)


def test_the_name_of_a_target_cannot_steer_the_terminal(read):
    samples = read({"x": range(N), "y\x1b[31m": [k / 3 for k in range(N)]}, "y\x1b[31m")
    assert samples.task.targets == (r"y\x1b[31m",)


def test_columns_may_be_named_by_numbers(read):
    samples = read({"1": range(N), "2": range(N), "3": [0, 1] * (N // 2)}, 3, features=[2])
    assert [column.name for column in samples.reading.columns if column.n_inputs] == ["2"]


def test_a_column_without_a_name_is_left_out(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(",x,y\n" + "".join(f"{k},{k * k},{k % 2}\n" for k in range(N)))
    samples = table(str(path), "y", None, None, [])
    assert samples.features[:, 0].tolist() == [k * k for k in range(N)]
    assert samples.reading.columns[0] == Column("", None, left_out="no name")


def test_decimal_points_and_commas_both_pass_where_semicolons_separate(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;y\n" + "1,5;2.5;x\n3;-0.25;z\n" * 10)
    samples = table(str(path), "y", None, None, [])
    assert samples.features[:2].tolist() == [[1.5, 2.5], [3.0, -0.25]]


@pytest.mark.parametrize(
    ("columns", "settings", "parts"),
    [
        ({}, {"target": None}, ["`data.target` must name the column", "null", "`size`, `colour`"]),
        ({}, {"target": "kid"}, ["`data.target` must name", "`kid`", "Did you mean `kind`?"]),
        ({}, {"target": "zzzzzz"}, ["`zzzzzz`", "It has `size`, `colour`, `wild`"]),
        ({}, {"drop": ["colours"]}, ["`data.drop` must", "`colours`", "mean `colour`?"]),
        ({}, {"features": ["sice"]}, ["`data.features` must", "`sice`", "mean `size`?"]),
        ({}, {"features": [""]}, ["`data.features` must", "``", "It has"]),
        ({}, {"drop": ["kind"]}, ["`data.drop` must not", "target `kind`", "Take it out"]),
        ({}, {"features": ["kind"]}, ["`data.features` must not", "`kind`", "Take it out"]),
        ({}, {"features": []}, ["a column to predict `kind` from", "none in t.csv"]),
        ({}, {"features": ["planet"]}, ["a column to predict `kind` from", "has two values"]),
        ({}, {"task": "ranking"}, ["`data.task` must be classif", "ranking", "null"]),
        ({}, {"task": "regression"}, ["`data.task=regression`", "`b`", "`kind`, data row 1"]),
        ({}, {"target": "planet"}, ["two values", "`earth`", "40 rows", "`planet` of t.csv"]),
        ({"one": [1.0] * N}, {"target": "one"}, ["two values", "`1` in each of", "`one` of t.csv"]),
        ({"id": [f"n{k}" for k in range(N)]}, {}, ["40 different", "`id` of t.csv", "first is `n0`",
                                                   "data.drop=[id]"]),
        ({"id": [f"n{k}" for k in range(N)]}, {"target": "id"}, ["40 different", "`id` of t.csv",
                                                                 "another `data.target`"]),
        ({"n": range(N)}, {"target": "n", "task": "classification"}, ["40 different", "`n` of t"]),
        ({"gap": [1, None] * (N // 2)}, {}, ["`gap`, data row 2 of t.csv", "data.missing="]),
        ({"gap": [1, None] * (N // 2)}, {"target": "gap"}, ["`gap`, data row 2", "data.missing="]),
        ({"day": ["2024-05-06"] * N}, {}, ["`2024-05-06`", "`day`, data row 1", "`data.dates="]),
        ({"age": ["1"] * 16 + ["n/k"] + ["7"] * 23}, {}, ["`n/k`", "`age`, data row 17 of t.csv"]),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_learnt_from_is_refused(columns, settings, parts, read):
    with pytest.raises(ValueError, match=r"Found") as refused:
        read(COLUMNS | columns, **settings)
    for part in parts:
        assert part in str(refused.value)


GAPPY = {"a": ["1", None] * (N // 2), "b": [None, "x"] * (N // 2), "1": ["7 €"] * N}


def test_all_that_is_wrong_with_columns_comes_in_one_message_with_one_override(read):
    with pytest.raises(ValueError, match=r"^Every column must hold") as refused:
        read(COLUMNS | GAPPY | {"id": [f"n{k}" for k in range(N)]}, drop=["planet"])
    message = str(refused.value)
    for part in (
        "Found in t.csv: nothing in column `a`, data row 2 (20 of 40 "
        "values are missing there); nothing in column `b`, data row 1 (20 of",
        "`7 €` in column `1`, data row 1 (40 of 40 values are numeric); 40 different values in 40",
        """or use `data.missing=median 'data.drop=[planet,"1",id]'`.""",
    ):
        assert part in message


def test_a_target_among_the_unusable_columns_is_to_be_replaced(read):
    odd = {"a": pl.Series([1.0, 1e39] * (N // 2)), "b": [f"n{k}" for k in range(N)]}
    with pytest.raises(ValueError, match=r"data\.drop=\[b\]` and choose another `data\.target`\.$"):
        read(COLUMNS | odd, "a")


@pytest.mark.parametrize("n", [1, 2])
def test_all_features_are_not_to_be_dropped(n, read):
    with pytest.raises(ValueError, match=r"Correct such values, or leave such rows out\.$"):
        read({f"c{k}": GAPPY["1"] for k in range(n)} | {"kind": COLUMNS["kind"]})


def test_of_very_many_unusable_columns_only_some_are_named(read):
    with pytest.raises(
        ValueError, match=r"and at least 88 more columns.* with `data\.drop`\.$"
    ) as refused:
        read(COLUMNS | {f"c{k}": GAPPY["1"] for k in range(150)})
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize("names", ["0.25,red,true,b", "3.75,blue,false,a", "8,red,true,a"])
def test_a_first_line_that_looks_like_data_is_no_header(names, tmp_path):
    frame = pl.DataFrame({name: COLUMNS[name] for name in ("size", "colour", "wild", "kind")})
    path = tmp_path / "t.csv"
    path.write_text(names + "\n" + frame.write_csv(include_header=False))
    with pytest.raises(ValueError, match=r"look like a row of data\. Add a line of names above"):
        table(str(path), names.rpartition(",")[2], None, None, [])
    with pytest.raises(ValueError, match=r"If the first line, with `.*`, is data, add a line of"):
        table(str(path), "kind", None, None, [])


@pytest.mark.parametrize(
    "names",
    ["400.5,red,true,b", "0.25,hue,true,b", "size,red,true,b", "0.25,red,true,kind"],
    ids=["far away", "other category", "no number", "other class"],
)
def test_names_that_could_be_no_values_are_a_header(names, tmp_path):
    frame = pl.DataFrame({name: COLUMNS[name] for name in ("size", "colour", "wild", "kind")})
    path = tmp_path / "t.csv"
    path.write_text(names + "\n" + frame.write_csv(include_header=False))
    assert len(table(str(path), names.rpartition(",")[2], None, None, [])) == N


def test_names_that_count_the_columns_are_a_header(read):
    answers = {str(k + 1): [1 + (3 * row + k) % 5 for row in range(N)] for k in range(5)}
    assert read(answers, "5").features.shape == (N, 4)


@pytest.mark.parametrize("numbers", [range(N), range(1, N + 1), range(7, N + 7), range(N)[::-1]])
def test_inputs_that_count_the_rows_are_warned_of(numbers, read):
    first, second, *_, last = numbers
    with pytest.warns(UserWarning, match="where in the file its row is") as given:
        samples = read({"row, no": numbers} | COLUMNS, drop=["planet"])
    assert samples.features.shape == (N, 6)
    message = str(given[0].message)
    assert f"Found {first}, {second} to {last} in column `row, no` of t.csv" in message
    assert """use `'data.drop=[planet,"row, no"]'`""" in message


def test_an_index_with_gaps_is_warned_of_by_its_name(read):
    kept = [k for k in range(2 * N) if k % 5][:N]
    with pytest.warns(UserWarning, match=r"Found 1, 2 to 49 in column `PassengerId` of t\.csv"):
        read({"PassengerId": kept} | COLUMNS)
    read({"PassengerId": kept[::-1]} | COLUMNS)
    read({"years": kept} | COLUMNS)


def test_a_column_that_pandas_names_for_want_of_a_name_may_be_asked_for(read):
    columns = {"Unnamed: 0": [k * k for k in range(N)]} | COLUMNS
    assert read(columns).reading.columns[0] == Column("Unnamed: 0", None, left_out="no name")
    asked = read(columns, features=["Unnamed: 0"])
    assert asked.features[:, 0].tolist() == [k * k for k in range(N)]


@pytest.mark.parametrize("name", ["wide.csv", "wide.parquet"])
@pytest.mark.parametrize("values", [[0.5, 1.5, 2.5, 1.5], ["x", "y", "z", "y"]])
def test_no_column_of_a_wide_table_takes_a_query_of_its_own(name, values, read, monkeypatch):
    queries, collect = [], pl.LazyFrame.collect
    monkeypatch.setattr(
        pl.LazyFrame, "collect", lambda frame, **kw: queries.append(1) or collect(frame, **kw)
    )
    counted = []
    for n in (10, 300):
        queries.clear()
        read({f"c{k}": values * (N // 4) for k in range(n)} | {"kind": COLUMNS["kind"]}, name=name)
        counted.append(len(queries))
    assert counted[0] == counted[1]


@pytest.mark.parametrize(
    "numbers", [range(0, 2 * N, 2), [*range(N - 1), N], np.random.default_rng(0).permutation(N)]
)
def test_other_sequences_are_inputs_as_any_other(numbers, read):
    read({"n": numbers} | COLUMNS)


def test_what_a_curve_is_drawn_over_may_count_the_rows(read):
    assert read({"x": range(N), "y": [k**3 for k in range(N)]}, "y").features.shape == (N, 1)


@pytest.mark.parametrize("target", ["kind", "far"])
def test_a_number_far_from_all_others_is_warned_of(target, read):
    far = [k % 9 - 4.5 for k in range(100)]
    far[56] = -1e9
    columns = {"x": [k % 7 for k in range(100)], "far": far, "kind": ["a", "b"] * 50}
    with pytest.warns(UserWarning, match=r"Found -1e\+09 in column `far`, data row 57 of t\.csv"):
        read(columns, target)


@pytest.mark.parametrize(
    "numbers",
    [[0.0] * 99 + [5.0], [2.0**k for k in range(100)], [1.0, 2.0] * 49 + [800.0, 900.0],
     np.random.default_rng(0).lognormal(sigma=2, size=100).tolist()],
    ids=["rare", "powers", "hundreds", "heavy tail"],
)  # fmt: skip
def test_a_long_tail_is_not_warned_of(numbers, read):
    read({"x": numbers, "kind": ["a", "b"] * 50})


@pytest.mark.parametrize("name", ["wide.csv", "wide.parquet"])
def test_every_column_of_a_wide_table_is_read(name, read):
    n = 3000
    draw = np.random.default_rng(0).standard_normal((20, n)).round(3)
    columns = {f"c{k}": draw[:, k] for k in range(n)} | {"kind": ["a", "b"] * 10}
    samples = read(columns, name=name, drop=[f"c{k}" for k in range(0, n, 2)])
    assert np.array_equal(samples.features, draw[:, 1::2])


@pytest.mark.parametrize(
    "odd",
    [pl.Series([[1, 2]] * N), pl.Series([{"re": 1.0, "im": 2.0}] * N), pl.Series([b"x"] * N),
     pl.Series([[1.0, 2.0]] * N, dtype=pl.Array(pl.Float64, 2)), pl.Series([{"a": [1]}] * N)],
    ids=["list", "complex", "bytes", "array", "nested"],
)  # fmt: skip
def test_parquet_columns_of_no_single_value_are_refused_together(odd, read):
    with pytest.raises(
        ValueError, match=r"t\.parquet.*use `data\.drop=\[first,second\]`"
    ) as refused:
        read(COLUMNS | {"first": odd, "second": odd}, name="t.parquet")
    assert "in column `first`" in str(refused.value)
    assert "in column `second`" in str(refused.value)


def test_without_a_path_both_settings_are_asked_for():
    with pytest.raises(ValueError, match=r"Use `data=table data\.path=my\.csv data\.target=name`"):
        table(None, None, None, None, [])


def test_a_class_with_too_few_rows_is_named_with_its_place(read):
    kinds = ["a", "b"] * (N // 2 - 1) + ["a", "rare"]
    samples = read({"x": range(N), "kind": kinds})
    with pytest.raises(ValueError, match=r"3 classes in 40 rows") as refused:
        ReplicaData(samples, [0], None, (0.6, 0.2, 0.2), 0, standardize=True)
    assert "`rare`, has 1, the first in column `kind`, data row 40 of t.csv" in str(refused.value)
