"""Tables as people have them: each is read right, or refused in one message of three beats."""

import gzip
import re
import tempfile
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_tables import table

from foreign import guarded

ROWS = [(k * 7 % 10 + 0.5, k * 3 % 7 - 2, "ab"[k % 2]) for k in range(24)]


def lines(form, header="x,n,k", joint="\n"):
    """The rows in another form, below a header."""
    return joint.join([header, *(form(*row) for row in ROWS)]) + joint


def usual(x, n, k):
    return f"{x},{n},{k}"


PLAIN = lines(usual)
GOOD = {
    "plain": PLAIN,
    "byte order mark": "\ufeff" + PLAIN,
    "Windows": PLAIN.replace("\n", "\r\n"),
    "old Mac": PLAIN.replace("\n", "\r"),
    "mixed line ends": PLAIN.replace("\n", "\r\n", 5),
    "no line end at the end": PLAIN.rstrip(),
    "blank lines": PLAIN.replace("\n", "\n\n"),
    "rows of separators at the end": PLAIN + ",,\n , ,\n",
    "spaces around": lines(lambda x, n, k: f" {x} , {n} , {k} ", " x , n , k "),
    "everything quoted": lines(lambda x, n, k: f'"{x}","{n}","{k}"', '"x","n","k"'),
    "spaces before quotes": lines(lambda x, n, k: f'"{x}", "{n}", "{k}"', '"x", "n", "k"'),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "semicolons": PLAIN.replace(",", ";"),
    "decimal commas": PLAIN.replace(",", ";").replace(".", ","),
    "exponents": lines(lambda x, n, k: f"{x:e},{n:+d},{k}"),
    "typesetters' minus": PLAIN.replace("-", "\u2212"),
    "leading points": lines(lambda x, n, k: f"{x},{n}.,{k}"),
    "index without a name": lines(lambda x, n, k: f"{ROWS.index((x, n, k))},{x},{n},{k}",
                                  ",x,n,k"),
    "comma at every end": lines(lambda x, n, k: f"{x},{n},{k},", "x,n,k,"),
    "decimal commas between tabs": PLAIN.replace(",", "\t").replace(".", ","),
    "commas in words between tabs": lines(
        lambda x, n, k: f"{x}\t{n}\t{k}\tSmith, J", "x\tn\tk\tby"),
    "pandas' index": lines(lambda x, n, k: f"{ROWS.index((x, n, k))},{x},{n},{k}",
                           "Unnamed: 0,x,n,k"),
    "UTF-8 in a name": lines(lambda x, n, k: f"{x},{n},{k},Müller", "x,n,k,größe"),
    "words of several lines": lines(lambda x, n, k: f'{x},{n},{k},"two\nlines"', "x,n,k,by"),
}  # fmt: skip


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_what_is_plain_but_for_its_looks_is_read_right(content, save):
    samples = table(save(content), "k", None, None, [])
    assert samples.features.tolist() == [[x, n] for x, n, _ in ROWS]
    assert samples.targets.tolist() == [k == "b" for *_, k in ROWS]


def test_a_point_is_the_decimal_sign_where_other_columns_use_it(save):
    content = lines(lambda x, n, k: f"{x};1.{n + 300};{k}", "x;n;k")
    samples = table(save(content), "k", None, None, [])
    assert samples.features.tolist() == [[x, 1 + (n + 300) / 1000] for x, n, _ in ROWS]


@pytest.mark.parametrize(
    "name", ["*", "^x$", "x^2", "^.*$", "a b", "a,b", "1", "$x", "x" * 300, "é"]
)
def test_any_name_is_a_name(name, save):
    quoted = '"' + name + '"'
    content = lines(usual, f"{quoted},n,k")
    for path in (save(content), "t.parquet"):
        if path.endswith("parquet"):
            pl.read_csv(content.encode()).write_parquet(path)
        samples = table(path, "k", None, [name], [])
        assert samples.features[:, 0].tolist() == [x for x, *_ in ROWS]


def broken(row, text):
    """The plain table with another text for a data row, counted from 1."""
    return "\n".join(text if k == row else line for k, line in enumerate(PLAIN.splitlines()))


REFUSED = {
    "empty": ("", "nothing in t.csv"),
    "header alone": ("x,n,k\n", "none in t.csv"),
    "short row": (broken(5, "1,2"), "2 in data row 5"),
    "long row": (broken(5, "1,2,a,b"), "4 in data row 5"),
    "comment within": (broken(5, "# checked"), "the comment `# checked` in data row 5"),
    "comment above": ("# mine\n" + PLAIN, "the comment `# mine`"),
    "sep line": ("sep=,\n" + PLAIN, "`sep=,`"),
    "title above": ("My data\n" + PLAIN, "`My data` in t.csv, above lines of 3 fields"),
    "spaces for commas": (PLAIN.replace(",", " "), "spaces"),
    "quoted rows": (lines(lambda *row: f'"{usual(*row)}"', '"x,n,k"'), "one pair of quotes"),
    "quoted row": (broken(5, '"1,2,a"'), "a whole row in one pair of quotes in data row 5"),
    "text behind a quote": (broken(5, '1,2,"a"b'), "behind one in data row 5"),
    "halved by quotes": (lines(lambda x, n, k: f'"{x}"0,{n},"{k}"1'), "behind one in data row 1"),
    "open quote": (broken(5, '1,2,"a'), "one in data row 5"),
    "header again": (broken(5, "x,n,k"), "`x` in column `x`, data row 5"),
    "no header": ("3.5,1,a\n" + PLAIN.partition("\n")[2], "none of them"),
    "gap": (broken(5, "1,,a"), "nothing in column `n`, data row 5"),
    "gap in words": (broken(5, "1,n/a,a"), "`n/a` in column `n`, data row 5"),
    "gap in the target": (broken(5, "1,2,"), "nothing in column `k`, data row 5"),
    "gaps": (broken(5, ",NaN,"), "nothing in column `k`, data row 5 (1 of 24 values are missing"),
    "infinite": (broken(5, "inf,1,a"), "inf in column `x`, data row 5"),
    "too great": (broken(5, "1e39,1,a"), "1e+39 in column `x`, data row 5"),
    "unit": (broken(5, "3 cm,1,a"), "`3 cm` in column `x`, data row 5"),
    "thousands": (broken(5, '"1,050.5",1,a'), "`1,050.5` in column `x`, data row 5"),
    "doubtful": (lines(lambda x, n, k: f"{x},{'1.050' if n == 3 else n + 900},{k}"),
                 "the doubtful `1.050` in column `n`"),
    "European thousands": (
        lines(lambda x, n, k: f"{x:.1f};1.{n + 300};{k}".replace(".5", ",5"), "x;n;k"),
                           "the doubtful `1.298` in column `n`, data row 1"),
    "commas between thousands, in a file of tabs": (
        lines(lambda x, n, k: f"{x}\t1,{n + 300}\t{k}", "x\tn\tk"), "`1,298` in column `n`"),
    "points between thousands, decimal commas, in a file of tabs": (
        lines(lambda x, n, k: f"{x}\t1.{n + 300}\t{k}".replace(".5", ",5"), "x\tn\tk"),
        "`1.298` in column `n`"),
    "nothing but what may be thousands": (
        lines(lambda x, n, k: f"{x:.0f};1.{n + 300};{k}", "x;n;k"), "`1.298` in column `n`"),
    "spaces between thousands": (lines(lambda x, n, k: f"{x},1 {n + 300},{k}"), "`1 298`"),
    "hard spaces between thousands": (
        lines(lambda x, n, k: f"{x},1\xa0{n + 300},{k}"), "`1\\xa0298` in column `n`"),
    "apostrophes between thousands": (lines(lambda x, n, k: f"{x},1'{n + 300},{k}"), "`1'298`"),
    "millions": (lines(lambda x, n, k: f"{x},1.{n + 300}.000,{k}"), "`1.298.000`"),
    "quoted decimal commas": (lines(lambda x, n, k: f'{x},"{n},5",{k}'), "`-2,5` in column `n`"),
    "percent": (lines(lambda x, n, k: f"{x},{n} %,{k}"), "`-2 %` in column `n`, data row 1"),
    "currency": (lines(lambda x, n, k: f"{x},€{n + 3},{k}"), "`€1` in column `n`, data row 1"),
    "unit throughout": (lines(lambda x, n, k: f"{x} cm,{n},{k}"), "`0.5 cm` in column `x`"),
    "typesetters' quotes": (lines(lambda x, n, k: f"“{x}”,{n},{k}"), "`“0.5”` in column `x`"),
    "dash for a gap": (broken(5, "-,1,a"), "Every row must have a value. Found `-` in column `x`"),
    "question mark": (broken(5, "1,1,?"), "Every row must have a value. Found `?` in column `k`"),
    "empty column": (lines(lambda x, n, k: f"{x},,{k}"), "(24 of 24 values are missing"),
    "comma at the end of rows alone": (lines(lambda x, n, k: f"{x},{n},{k},"), "4 in data row 1"),
    "source below": (PLAIN + "Source: mine\n", "Found 1 in data row 25"),
    "sum below": (PLAIN + "Sum,99,\n", "nothing in column `k`, data row 25 (1 of 25 values are"),
    "units below the header": (PLAIN.replace("x,n,k", "x,n,k\ncm,kg,"), "`cm` in column `x`"),
    "table in Markdown": (
        lines(lambda x, n, k: f"| {x} | {n} | {k} |", "| x | n | k |\n|---|---|---|"), "`---`"),
    "colons for commas": (PLAIN.replace(",", ":"), "Its only column is `x:n:k`; fields must"),
    "single quotes": (lines(lambda x, n, k: f"'{x}','{n}','{k}'", "'x','n','k'"), "It has `'x'`"),
    "no target": (PLAIN.replace("k\n", "kind\n"), "Found `k`, which is none of them"),
    "dates": (lines(lambda x, n, k: f"{x},2024-05-{n + 10},{k}"), "`2024-05-8` in column `n`"),
    "names": (lines(lambda x, n, k: f"{x},name {x} {n},{k}"), "like identifiers, in column `n`"),
    "twice": (PLAIN.replace("x,n,k", "x,x,k"), "`x` more than once"),
    "one class": (PLAIN.replace("b", "a"), "`a` in each of the 24 rows"),
    "one column": ("k\n" + "a\nb\n" * 9, "none in t.csv that is in use"),
    "Latin-1": (PLAIN.replace("b", "é").encode("latin-1"), "in line 3 is not"),
    "UTF-16": (PLAIN.encode("utf-16"), "UTF-16"),
    "gzip": (gzip.compress(PLAIN.encode()), "compressed by gzip"),
    "zstd": (b"\x28\xb5\x2f\xfd" + PLAIN.encode(), "compressed by zstd"),
    "spreadsheet": (b"PK\x03\x04" + PLAIN.encode(), "a spreadsheet"),
    "web page": ("<html><body>" + PLAIN, "a web page"),
    "JSON": ('[{"x": 1, "k": "a"}]', "JSON"),
}  # fmt: skip


def assert_three_beats(message):
    assert message.isprintable()
    assert re.fullmatch(r".+ Found .+\. [A-Z].+[.?]", message), message


@pytest.mark.parametrize("awkward", REFUSED)
def test_what_cannot_be_read_right_is_refused_in_one_message(awkward, save):
    content, found = REFUSED[awkward]
    with pytest.raises(ValueError, match=re.escape(found)) as refused:
        table(save(content), "k", None, None, [])
    assert_three_beats(str(refused.value))


CELLS = st.one_of(
    st.sampled_from(
        ["", " ", "1", "-2.5", "1,5", "1.050", "\u22123", "NaN", "inf", '"', '""', '"a"', '"a"b',
         "a", "b", "true", "2024-01-05", "#", "sep=;", "\r", "\n", "\0", "é", "x" * 70, "^a$", "*"]
    ),
    st.text(max_size=4),
    st.floats().map(str),
)  # fmt: skip
TEXTS = st.tuples(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12), st.sampled_from(",;\t| "),
    st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(),
)  # fmt: skip


def read_or_refused(path, target):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # remarks on what was read
        try:
            table(path, target, None, None, [])
        except ValueError as refused:
            assert_three_beats(str(refused))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS)
def test_any_text_is_read_or_refused(drawn):
    rows, separator, end, has_header = drawn
    body = [["x", "y", "k"], *rows] if has_header else rows
    content = end.join(separator.join(cells) for cells in body)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
        read_or_refused(str(path), "k")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=60), st.integers(0, 10_000))
def test_a_damaged_table_is_read_or_refused(noise, at):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("t.csv", "t.tsv"):
            whole = PLAIN.encode()
            start = at % len(whole)
            path = Path(folder, name)
            path.write_bytes(whole[:start] + noise + whole[start + len(noise) :])
            read_or_refused(str(path), "k")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n_columns"), [("t.csv", 100_000), ("t.parquet", 30_000)])
def test_very_many_columns_are_read_within_ten_seconds(name, n_columns, save):
    numbers = np.arange(20.0 * n_columns).reshape(20, n_columns) % 11
    frame = pl.DataFrame(numbers, schema=[f"x{n}" for n in range(n_columns)])
    frame = frame.with_columns(k=pl.Series(["a", "b"] * 10))
    path = save(b"", name)
    frame.write_csv(path) if name.endswith("csv") else frame.write_parquet(path)
    with guarded():  # of processor time
        assert table(path, "k", None, None, []).features.shape == (20, n_columns)


def test_a_parquet_file_that_is_cut_off_is_refused_wherever(save):
    pl.read_csv(PLAIN.encode()).write_parquet(save(b"", "t.parquet"))
    whole = Path("t.parquet").read_bytes()
    for length in range(0, len(whole), 9):
        with pytest.raises(ValueError, match=r"Found t\.parquet: .*\. Save") as refused:
            table(save(whole[:length], "t.parquet"), "k", None, None, [])
        assert_three_beats(str(refused.value))
