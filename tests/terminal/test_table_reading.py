import io

import pytest
from rich.console import Console

from deltaflow.data.columns import Column, Kind, Reading
from deltaflow.terminal.table_reading import print_reading

COLUMNS = (
    Column("size", Kind.NUMBER, 1),
    Column("colour", Kind.CATEGORY, 3, categories=("blue", "green", "red")),
    Column("wild", Kind.BOOLEAN, 1),
    Column("planet", Kind.CATEGORY, left_out="always earth"),
    Column("", None, left_out="no name"),
)
CLASSES = Reading("my.csv", 40, ("kind",), COLUMNS, class_counts={"a": 30, "b": 10})


def shown(reading, standardize=True, terminal=False):
    out = Console(
        file=io.StringIO(), width=120, highlight=False, force_terminal=terminal,
        color_system="standard" if terminal else None,
    )  # fmt: skip
    print_reading(out, reading, standardize)
    return out.file.getvalue()


def cells(text):
    lines = [line.split("|") for line in text.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line[1:-1]) for line in lines]


def test_file_target_and_every_column_are_shown():
    text = shown(CLASSES)
    assert text.splitlines()[:3] == [
        "Table        my.csv, 40 rows",
        "Target       kind: classification, 2 classes: a (30), b (10)",
        "Inputs       5, from 3 of 5 other columns",
    ]
    assert cells(text) == [
        ("column", "read as", "becomes"),
        ("size", "number", "1 input, standardised"),
        ("colour", "category (3)", "3 inputs, one-hot"),
        ("wild", "true/false", "1 input, 0 or 1"),
        ("planet", "category", "left out: always earth"),
        ("(no name)", "–", "left out: no name"),
    ]


@pytest.mark.parametrize(
    ("column", "read_as", "becomes"),
    [
        (Column("x", Kind.CATEGORY, 1, categories=("no", "yes")), "category (2)",
         "1 input, 1 for yes"),
        (Column("x", Kind.ORDER, 2, categories=("low", "mid", "top"), has_indicator=True),
         "ordered category (3)",
         "1 input, 0 for low to 2 for top, standardised; 1 for a gap"),
        (Column("x", Kind.DATE, 1, form="%Y-%m-%d"), "date", "1 input, in days, standardised"),
        (Column("x", Kind.CATEGORY, 4, categories=("a", "b", "c"), has_indicator=True),
         "category (3)", "3 inputs, one-hot; 1 for a gap"),
    ],
)  # fmt: skip
def test_what_is_made_of_a_column_is_said(column, read_as, becomes):
    reading = Reading("my.csv", 40, ("kind",), (column,), n_rows_left_out=2)
    assert cells(shown(reading))[1] == ("x", read_as, becomes)
    assert "my.csv, 40 rows, 2 left out for a gap" in shown(reading)


def test_numbers_may_stay_as_they_are():
    assert cells(shown(CLASSES, standardize=False))[1] == ("size", "number", "1 input")


def test_a_regression_has_a_range():
    reading = Reading("my.csv", 40, ("price", "rent"), COLUMNS, target_ranges=((-1.5, 2e6), (0, 1)))
    said = "price: regression, from -1.5 to 2e+06; rent: regression, from 0 to 1\n"
    assert f"Target       {said}" in shown(reading)


def test_many_classes_are_abridged():
    reading = Reading("my.csv", 90, ("kind",), COLUMNS, {f"c{k}": 3 for k in range(30)})
    text = " ".join(shown(reading).split())
    assert "30 classes: c0 (3)," in text
    assert "c23 (3) and 6 more" in text


def test_neighbours_of_a_wide_table_share_a_row():
    pixels = tuple(Column(f"p{k}", Kind.NUMBER, 1) for k in range(784))
    reading = Reading("my.csv", 90, ("kind",), (COLUMNS[1], *pixels, COLUMNS[0], COLUMNS[2]))
    assert cells(shown(reading))[1:] == [
        ("colour", "category (3)", "3 inputs, one-hot"),
        ("p0 … size (785 columns)", "number", "1 input, standardised"),
        ("wild", "true/false", "1 input, 0 or 1"),
    ]


def test_a_wide_table_of_many_kinds_is_abridged():
    mixed = tuple(Column(f"c{k}", Kind.CATEGORY, 3 + k % 2) for k in range(100))
    rows = cells(shown(Reading("my.csv", 90, ("kind",), mixed)))
    assert len(rows) == 1 + 24 + 1
    assert rows[-1][0] == "… and 76 more"


@pytest.mark.parametrize("terminal", [False, True])
def test_what_a_file_says_is_shown_as_it_stands(terminal):
    name = "[bold]x[/bold] \x1b[31m\r:smile:"
    column = Column(name, Kind.CATEGORY, left_out="always [red]")
    reading = Reading("[u].csv", 9, (name,), (column, COLUMNS[0]), class_counts={name: 4, "[i]": 5})
    plain, text = shown(reading), shown(reading, terminal=terminal)
    assert "\x1b[31m" not in text
    assert "\r" not in text
    assert plain.count(r"[bold]x[/bold] \x1b[31m\r:smile:") == 3
    for literal in ("[u].csv, 9 rows", "[i] (5)", "left out: always [red]"):
        assert literal in text
