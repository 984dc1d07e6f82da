"""Tables that people have had trouble with, rebuilt, and what must be said of each."""

import numpy as np
import pytest
from plain_tables import table

from deltaflow.data.preparation import split_rows

DRAW = np.random.default_rng(0)
PLAIN = [(f"{k % 13 + 0.25:.2f}", f"{k * 5 % 17 - 3.5:.2f}", ("blue", "red")[k % 2])
         for k in range(60)]  # fmt: skip


def csv(*rows, separator=","):
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


def thousands(area):
    rent = 9 * area
    return f"{rent // 1000}.{rent % 1000:03}" if rent >= 1000 else str(rent)


SPARSE = [["", a, k] if row == 4 else [a, "" if row == 8 else b, k]
          for row, (a, b, k) in enumerate(PLAIN)]  # fmt: skip

# the file, the target, and what the message must hold
REFUSED = {
    "points between thousands and decimal commas in one file": (
        csv(("area", "balcony", "rent"),
            *((area, f"{area % 7},5", thousands(area)) for area in range(90, 150)), separator=";"),
        "rent", ["the doubtful `1.008` in column `rent`, data row 23",
                 "decimals of a file with the same sign"]),
    "no header, and the target named after its first value": (
        csv(*PLAIN), "blue",
        ["`0.25`, `-3.50`, `blue` in t.csv", "look like a row of data", "Add a line of names"]),
    "no header, and a target that is none": (
        csv(*PLAIN), "k", ["If the first line, with `0.25`, `-3.50`, is data", "line of names"]),
    "spaces between fields": (
        csv("abk", *PLAIN, separator=" "), "k", ["Found spaces between", "Write commas instead"]),
    "a line for spreadsheets": (
        "sep=;\n" + csv("abk", *PLAIN, separator=";"), "k", ["`sep=;`", "Delete it"]),
    "a comment above the header": (
        "# made by hand\n" + csv("abk", *PLAIN), "k", ["the comment `# made by hand`", "Delete"]),
    "gaps in several columns": (
        csv("abk", *SPARSE), "k",
        ["column `a`, data row 5 (1 of 60", "column `b`, data row 9 (1 of 60",
         "Every row must have a value", "leave such rows out"]),
    "whole rows in quotes": (
        csv(*([";".join(f'""{v}""' for v in row).join('""')] for row in ["abk", *PLAIN])), "k",
        ["each row of t.csv in one pair of quotes", "Take off the outer quotes"]),
}  # fmt: skip


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def samples(content, target):
        (tmp_path / "t.csv").write_text(content, encoding="utf-8")
        return table("t.csv", target, None, None, [])

    return samples


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_named_as_what_it_is(case, read):
    content, target, parts = REFUSED[case]
    with pytest.raises(ValueError, match="Found") as refused:
        read(content, target)
    for part in parts:
        assert part in str(refused.value)


def test_counts_that_are_too_many_for_classes_can_be_predicted_as_numbers(read):
    counts = [4, *[5, 6, 7, 8, 9, 10, 11] * 8]
    samples = read(csv("abn", *([k * 3 % 7, k * 5 % 9, n] for k, n in enumerate(counts))), "n")
    with pytest.raises(ValueError, match="the rarest of which, `4`, has 1") as refused:
        split_rows(samples, (0.6, 0.2, 0.2), 0)
    assert "predict numbers with `data.task=regression loss=mse`" in str(refused.value)


def test_classes_in_words_are_not_to_be_predicted_as_numbers(read):
    samples = read(csv("abk", *PLAIN, (1, 2, "rare")), "k")
    with pytest.raises(ValueError, match="leave such a class out, or use") as refused:
        split_rows(samples, (0.6, 0.2, 0.2), 0)
    assert "data.task" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_the_index_of_a_sorted_file_is_left_out(name, read):
    rows = [(k, *DRAW.standard_normal(2).round(3), "xyz"[k // 30]) for k in range(90)]
    samples = read(csv((name, "a", "b", "k"), *rows), "k")
    assert samples.features.tolist() == [[a, b] for _, a, b, _ in rows]


def test_row_numbers_of_a_sorted_file_are_warned_of(read):
    rows = [(k, *DRAW.standard_normal(2).round(3), "xyz"[k // 30]) for k in range(90)]
    with pytest.warns(UserWarning, match=r"Found 0, 1 to 89 in column `no` of t\.csv"):
        read(csv(("no", "a", "b", "k"), *rows), "k")


@pytest.mark.parametrize("column", ["k", "b"])
def test_two_spellings_of_a_class_or_category_are_told(column, read):
    alike = [("Yes", "yes "), ("no", "no")]
    rows = [(k % 7 + 0.5, alike[k % 2][k // 30 % 2], k % 3) for k in range(120)]
    names = {"k": "aky", "b": "aby"}[column]
    with pytest.warns(UserWarning, match=rf"Found `Yes` and `yes` in column `{column}` of t\.csv"):
        read(csv(names, *rows), "k" if column == "k" else "y")


def test_one_number_of_another_size_is_named_with_its_row(read):
    rows = [[*DRAW.standard_normal(2).round(4), k % 2] for k in range(100)]
    rows[17][0] = 1_000_000_000
    with pytest.warns(UserWarning, match=r"Found 1e\+09 in column `a`, data row 18 of t\.csv"):
        read(csv("abk", *rows), "k")
