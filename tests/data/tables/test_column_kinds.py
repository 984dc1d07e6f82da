import dataclasses
import datetime
import re
import tracemalloc

import polars as pl
import pytest

from deltaflow.data.columns import Kind
from deltaflow.data.files.delimited import Texts
from deltaflow.data.tables import column_kinds
from deltaflow.data.tables.column_kinds import read_column, refuse_identifiers
from deltaflow.data.tables.problems import UnusableColumnError, message_with_override
from deltaflow.data.tables.selection import Selection

POINT = (".", ".")
COMMA = (".,", ",")
SELECTION = Selection("t.csv", ("y",), ("x", "z"), {}, ())
DAY = datetime.datetime(2024, 5, 6, 12, 30)


def read(values, signs=POINT, target="y"):
    """What a column `x` of these values holds, as a list; a mistake as a table tells it."""
    raw = values
    if not isinstance(values, pl.Series):
        texts = Texts.of(text.strip() for text in values)
        raw = Texts(texts.values, texts.codes, *signs)
    try:
        found = read_column("x", raw)
        found.refuse_dates("x")
        found.refuse_gaps("x")
    except UnusableColumnError as error:
        selection = dataclasses.replace(SELECTION, targets=(target,))
        raise ValueError(message_with_override([error.problem], selection)) from None
    return found.kind, rows(found.content)


def rows(content):
    is_text = isinstance(content, Texts)
    return [content.values[k] for k in content.codes] if is_text else content.tolist()


def refuse(names, selection=SELECTION):
    texts = Texts.of(names)
    try:
        refuse_identifiers("x", texts.values, texts.codes)
    except UnusableColumnError as error:
        raise ValueError(message_with_override([error.problem], selection)) from None


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (pl.Series([1, 2], dtype=pl.UInt8), [1.0, 2.0]),
        (pl.Series([1, 2**70], dtype=pl.Int128), [1.0, 2.0**70]),
        (pl.Series([0.5, 2], dtype=pl.Float32), [0.5, 2.0]),
        (pl.Series(["0.5", "2"]).cast(pl.Decimal(10, 2)), [0.5, 2.0]),
        (pl.Series([" 1", "+2 ", "1e-3", ".5", "-4."]), [1.0, 2.0, 0.001, 0.5, -4.0]),
        (pl.Series(["1", "2"], dtype=pl.Categorical), [1.0, 2.0]),
    ],
    ids=["whole", "huge", "single", "decimal", "in words", "in categories"],
)
def test_numbers_are_numbers_however_they_are_stored(values, numbers):
    kind, found = read(values)
    assert kind is Kind.NUMBER
    assert found == numbers


@pytest.mark.parametrize(
    "values", [pl.Series([True, False, True]), pl.Series(["True", " false", "TRUE"])]
)
def test_truth_values_are_true_or_false(values):
    kind, found = read(values)
    assert kind is Kind.BOOLEAN
    assert found == [True, False, True]


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([" red", "blue", "red "]),
        pl.Series(["red", "blue", "red"], dtype=pl.Enum(["red", "blue"])),
        pl.Series(["red", "blue", "red"], dtype=pl.Categorical),
    ],
    ids=["text", "enum", "categorical"],
)
def test_text_is_a_category_without_the_spaces_around_it(values):
    kind, found = read(values)
    assert kind is Kind.CATEGORY
    assert found == ["red", "blue", "red"]


@pytest.mark.parametrize("values", [["20-29", "30-39", "20-29"], ["A1", "10", "B2"], ["1.2b", "x"]])
def test_text_with_some_digits_in_it_is_a_category(values):
    assert read(values)[0] is Kind.CATEGORY


@pytest.mark.parametrize("word", ["", "  ", "NA", "n/a", "#N/A", "<NA>", "NaN", "null", "?"])
@pytest.mark.parametrize("others", [["red", "blue"], ["1", "2.5"]], ids=["text", "numbers"])
def test_a_missing_value_in_words_is_refused(word, others):
    with pytest.raises(
        ValueError, match=r"`x`, data row 3 of t\.csv \(2 of 4 values are missing"
    ) as e:
        read([*others, word, word])
    assert (f"Found `{word}` in" if word.strip() else "Found nothing in") in str(e.value)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([1, None, 3]),
        pl.Series([1.5, None, 3]),
        pl.Series([1.5, float("nan"), 3]),
        pl.Series([True, None, False]),
        pl.Series(["red", None, "blue"]),
        pl.Series(["red", None, "blue"], dtype=pl.Categorical),
        pl.Series([1, None, 3]).cast(pl.Decimal(10, 2)),
    ],
    ids=lambda values: f"{values.dtype}",
)
def test_a_missing_value_is_refused(values):
    with pytest.raises(ValueError, match=r"must have a value\. Found nothing in column `x`, "
                       r"data row 2 of t\.csv \(1 of 3 .* `data\.missing=median`"):  # fmt: skip
        read(values)


def test_a_column_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"row 1 of t\.csv \(2 of 2 values are missing"):
        read(pl.Series([None, None], dtype=pl.Null))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (pl.Series([1.0, float("inf")]), "inf"),
        (pl.Series([1.0, float("-inf")]), "-inf"),
        (pl.Series(["1", "-Inf"]), "-inf"),
        (pl.Series([1.0, -4e38]), "-4e\\+38"),
    ],
)
def test_an_infinite_value_is_refused(values, found):
    with pytest.raises(
        ValueError, match=rf"finite, .*\. Found {found} in column `x`, data row 2 of t\.csv"
    ):
        read(values)


@pytest.mark.parametrize("odd", ["plenty", "3+", "1.5.", "12 %", "$1,200", "1,5", "1 234", "x1"])
def test_a_word_among_numbers_is_refused(odd):
    values = pl.Series(["1", "2.5", odd, "4", "-7", odd])
    with pytest.raises(ValueError, match=r"plain numbers throughout") as refused:
        read(values)
    assert f"Found `{odd}` in column `x`, data row 3 of t.csv" in str(refused.value)
    assert "leave such rows out, or use `data.drop=[x]`" in str(refused.value)


@pytest.mark.parametrize("values", [["1,5", "2,5", "3"], ["$10", "$20", "€7"], ["1,200", "3,400"]])
def test_numbers_that_are_dressed_up_are_refused(values):
    with pytest.raises(ValueError, match=r"plain numbers throughout.*row 1 of t\.csv"):
        read(values)


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["1,5", "2,5", "3"], [1.5, 2.5, 3.0]),
        (["-0,125", ",5", "+7,25"], [-0.125, 0.5, 7.25]),
        (["1,050", "2,500", "3,125"], [1.05, 2.5, 3.125]),
        (["1,5e3", "2,5E-1", "3"], [1500.0, 0.25, 3.0]),
        (["2.5", "-0.25", "4"], [2.5, -0.25, 4.0]),
        (["1.125", "0.250", "3"], [1.125, 0.25, 3.0]),
        (["1.125", "1200.250", "3"], [1.125, 1200.25, 3.0]),
    ],
)
def test_a_comma_may_be_the_decimal_sign_where_semicolons_separate(values, numbers):
    kind, found = read(values, COMMA)
    assert (kind, found) == (Kind.NUMBER, numbers)


@pytest.mark.parametrize(
    ("values", "row", "comma"),
    [
        (["950", "1.050", "999"], 2, False),
        (["950", "999", "-1.050"], 3, False),
        (["950", "1.050", "999"], 2, True),
        (["1.336", "1.515"], 1, True),
        (["950", "1,050", "999"], 2, True),
        (["1.5", "2,5"], 2, True),
        (["1,5", "3", "1.050"], 3, True),
    ],
)
def test_a_sign_that_may_separate_thousands_is_refused(values, row, comma):
    with pytest.raises(ValueError, match="must have one meaning") as refused:
        read(values, COMMA if comma else POINT)
    assert f"the doubtful `{values[row - 1]}` in column `x`, data row {row} of" in str(
        refused.value
    )
    assert "with the same sign, or use `data.drop=[x]`." in str(refused.value)


@pytest.mark.parametrize(
    "values",
    [["1.050", "2.125"], ["950", "1.05", "1.125"], ["950", "1.050", "0.125"], ["1200", "1000.125"],
     ["950", "1.050e0"]],
)  # fmt: skip
def test_a_point_that_cannot_separate_thousands_is_the_decimal_one(values):
    assert read(values)[1] == [float(v) for v in values]


@pytest.mark.parametrize(
    "values",
    [["1.336,50", "6,70"], ["1.234.567", "2,5"], ["1 336,5", "2"], ["1'336", "2"], ["(1,5)", "2"]],
)
def test_separators_of_thousands_are_refused_where_semicolons_separate(values):
    with pytest.raises(ValueError, match=r"plain numbers throughout.*row 1 of t\.csv"):
        read(values, COMMA)


@pytest.mark.parametrize("comma", [False, True])
def test_a_minus_of_typesetters_is_a_minus(comma):
    values = pl.Series(["\u22121.5", "\u2212.5", "2", "\u22123e2"])
    assert read(values, COMMA if comma else POINT)[1] == [-1.5, -0.5, 2.0, -300.0]


@pytest.mark.parametrize("odd", ["\u20131.5", "'3", '"3"', "(1.5)", "\u22121 500"])
def test_a_number_that_only_looks_like_one_is_no_category(odd):
    with pytest.raises(ValueError, match="plain numbers throughout"):
        read([odd, odd, "2"])


def test_the_odd_word_is_named_not_the_decimal_commas_before_it():
    with pytest.raises(ValueError, match="Found `x` in column `x`, data row 3"):
        read(["1,5", "2,5", "x"], COMMA)


def test_a_category_keeps_its_commas():
    kind, found = read(["1,5", "large", "small"], COMMA)
    assert (kind, found) == (Kind.CATEGORY, ["1,5", "large", "small"])


@pytest.mark.parametrize(
    "date",
    ["2024-05-06", "2024-05-06 12:30", "2024-05-06T12:30:00Z", "6/5/2024", "06.05.24", "12:30",
     "2024-05", "Jan 05 2024", "05-Jan-2024", "January 2024", "5 May", "05:30 PM",
     "12:30:05.25"],
)  # fmt: skip
def test_a_date_in_words_is_refused(date):
    with pytest.raises(ValueError, match="date or time") as refused:
        read(["never", date, date])
    assert f"`{date}` in column `x`, data row 2 of t.csv" in str(refused.value)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series([None, DAY]),
        pl.Series([None, DAY.date()]),
        pl.Series([None, DAY.time()]),
        pl.Series([None, DAY - DAY]),
    ],
    ids=lambda values: f"{values.dtype}",
)
def test_a_date_is_refused(values):
    with pytest.raises(ValueError, match="Turn dates into numbers first") as e:
        read(values)
    assert f"date or time `{values[1]}` in column `x`, data row 2 of t.csv" in str(e.value)
    assert "use `data.dates=days`" in str(e.value)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (pl.Series([[1, 2], [3]]), "List(Int64)"),
        (pl.Series([{"a": 1}]), "Struct("),
        (pl.Series([b"x"]), "Binary"),
        (pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2)), "Array("),
    ],
    ids=["list", "struct", "binary", "array"],
)
def test_what_is_no_single_value_is_refused(values, found):
    with pytest.raises(ValueError, match=r"or text\. Found .* in column `x` of t\.csv") as refused:
        read(values)
    assert found in str(refused.value)


def test_a_target_cannot_be_dropped():
    with pytest.raises(ValueError, match=r"or choose another `data\.target`\.$"):
        read(pl.Series([1.0, float("inf")]), target="x")


@pytest.mark.parametrize(
    ("n_different", "n_rows", "refused"),
    [(3, 3, True), (2, 3, False), (20, 21, False), (21, 41, True), (21, 42, False),
     (50, 99, True), (50, 100, False), (60, 1000, False), (61, 1000, True)],
)  # fmt: skip
def test_names_that_hardly_come_back_are_refused(n_different, n_rows, refused, monkeypatch):
    monkeypatch.setattr(column_kinds, "MAX_CATEGORIES", 60)
    names = [f"name {row % n_different}" for row in range(n_rows)]
    if not refused:
        refuse(names)
        return
    with pytest.raises(ValueError, match=rf"Found {n_different} different values in {n_rows} rows"):
        refuse(names)


def test_what_a_file_says_cannot_steer_the_terminal():
    names = [f"\x1b[31m{'x' * 100}\n{row}" for row in range(30)]
    with pytest.raises(ValueError, match="like identifiers") as refused:
        refuse(names, dataclasses.replace(SELECTION, path="t\r.csv"))
    assert str(refused.value).isprintable()
    assert "x" * 100 not in str(refused.value)


@pytest.mark.parametrize("word", ["-", "--", ".", "None", "missing", "Unknown"])
def test_what_stands_for_a_gap_among_numbers_may_be_a_category_among_words(word):
    with pytest.raises(ValueError, match=rf"must have a value\. Found `{re.escape(word)}` in"):
        read(["1", "2.5", word, "3"])
    assert read(["a", word, "b", word]) == (Kind.CATEGORY, ["a", word, "b", word])


def test_a_column_of_long_texts_is_never_as_a_whole_in_pythons_own():
    texts = pl.Series(["x" * 10_000 + str(k % 2) for k in range(2)]).gather([0, 1] * 20_000)
    tracemalloc.start()
    content = read_column("x", texts).content
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [value[-1] for value in content.values] == ["0", "1"]
    assert content.codes[-4:].tolist() == [0, 1, 0, 1]
    assert peak < 250e6  # all 40,000 of them are 400 MB
