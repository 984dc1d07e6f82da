"""Rows that a network is to judge, read by what its training table was."""

import polars as pl
import pytest

from deltaflow.data import Column, Kind, Preprocessing, read_unseen

COLUMNS = (
    Column("size", Kind.NUMBER, 1),
    Column("colour", Kind.CATEGORY, 3, categories=("blue", "green", "red")),
    Column("wild", Kind.BOOLEAN, 1),
    Column("planet", Kind.CATEGORY, left_out="always earth"),
    Column("zip", Kind.CATEGORY, 2, categories=("01", "1a")),
)
N_INPUTS = 7
CLASSES = Preprocessing(COLUMNS, [0.0] * 7, [1.0] * 7, "kind", ["3", "x"], [], [], [])
NUMBERS = Preprocessing(COLUMNS[:1], [0.0], [1.0], "y", [], ["y"], [0.0], [1.0])
ROWS = {"zip": ["01", "01"], "wild": [True, False], "colour": ["red", "blue"], "size": [1.5, -2]}
FEATURES = [[1.5, 0, 0, 1, 1, 1, 0], [-2, 1, 0, 0, 0, 1, 0]]


def as_file(tmp_path, rows, name="new.csv"):
    path = tmp_path / name
    frame = pl.DataFrame(rows)
    frame.write_parquet(path) if name.endswith("parquet") else frame.write_csv(path)
    return path


@pytest.mark.parametrize("form", ["new.csv", "new.parquet", "frame", "mapping"])
def test_columns_are_found_by_name_in_any_order(form, tmp_path):
    forms = {"frame": pl.DataFrame(ROWS), "mapping": ROWS}
    rows = forms[form] if form in forms else as_file(tmp_path, ROWS, form)
    found = read_unseen(rows, CLASSES)
    assert found.features.tolist() == FEATURES
    assert (found.targets, found.extra) == (None, ())


def test_extra_columns_are_named_and_known_ones_are_not():
    found = read_unseen(ROWS | {"planet": ["mars", "x"], "note": [1, 2]}, CLASSES)
    assert found.features.tolist() == FEATURES
    assert found.extra == ("note",)


def test_classes_are_read_where_they_are_known(tmp_path):
    assert read_unseen(ROWS | {"kind": ["x", "3"]}, CLASSES).targets.tolist() == [1, 0]
    path = as_file(tmp_path, ROWS | {"kind": [3, 3]})
    assert read_unseen(path, CLASSES).targets.tolist() == [0, 0]
    numbers = read_unseen({"y": [5, 7], "size": [0, 1]}, NUMBERS)
    assert numbers.targets.tolist() == [[5], [7]]


def test_rows_without_a_target_are_predicted_and_not_judged():
    found = read_unseen(ROWS | {"kind": [None, "3"]}, CLASSES)
    assert (found.targets.tolist(), found.with_target.tolist()) == ([0], [1])
    found = read_unseen({"y": [5, None, 7], "size": [0, 1, 2]}, NUMBERS)
    assert (found.targets.tolist(), found.with_target.tolist()) == ([[5], [7]], [0, 2])
    assert read_unseen({"y": ["", ""], "size": [0, 1]}, NUMBERS).targets is None
    with pytest.raises(ValueError, match="`z` in column `kind`, data row 2"):
        read_unseen(ROWS | {"kind": [None, "z"]}, CLASSES)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"size": ["1", "x"]}, "`x` in column `size`, data row 2"),
        ({"size": ["a", "b"]}, "`a` in column `size`, data row 1 (it was a column of numbers"),
        ({"size": [1.0, None]}, "nothing in column `size`, data row 2"),
        ({"size": [1.0, 1e39]}, "1e+39 in column `size`, data row 2"),
        ({"colour": ["red", "pink"]}, "`pink` in column `colour`, data row 2 (known are `blue`"),
        ({"colour": ["red", ""]}, "nothing in column `colour`, data row 2"),
        ({"wild": ["true", "maybe"]}, "`true` in column `wild`, data row 1 (it was a column of"),
        ({"zip": [1, 1]}, "`1` in column `zip`, data row 1 (known are `01`, `1a`)"),
        ({"kind": ["x", "y"]}, "`y` in column `kind`, data row 2 (known are `3`, `x`)"),
    ],
)
def test_a_value_that_training_did_not_know_is_named(changed, said):
    with pytest.raises(ValueError, match="must") as refused:
        read_unseen(ROWS | changed, CLASSES)
    assert said in str(refused.value).replace(" of the frame", "")


def test_all_problems_come_in_one_message():
    with pytest.raises(ValueError, match=r"`pink` in .*`x` in|`x` in .*`pink` in"):
        read_unseen(ROWS | {"colour": ["red", "pink"], "size": ["x", "y"]}, CLASSES)


def test_missing_columns_are_named():
    rows = {"colours": ROWS["colour"], "size": [1, 2]}
    with pytest.raises(ValueError, match=r"Found no `colour`, `wild`, `zip` in the frame\. Did"):
        read_unseen(rows, CLASSES)


@pytest.mark.parametrize("rows", [5, [[1, 2]], {"size": []}, {"size": [1], "colour": [1, 2]}])
def test_what_is_no_table_is_refused(rows):
    with pytest.raises(ValueError, match=r"Found .*\. (Use|Give)"):
        read_unseen(rows, NUMBERS)
