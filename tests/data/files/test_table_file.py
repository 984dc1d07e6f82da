import bz2
import gzip
import lzma
import os

import polars as pl
import pytest

from deltaflow.data.files import delimited, table_file
from deltaflow.data.files.delimited import Texts
from deltaflow.data.files.table_file import open_table
from deltaflow.data.tables.column_kinds import read_column
from deltaflow.records.tables import parquet_bytes
from deltaflow.system import memory
from written import metrics

FRAME = pl.DataFrame({"a": [1, 2], "b": [0.5, -3.0], "c": ["x", "ü"]})


def rows_of(name, columns=None):
    """As they stand in the file."""
    file = open_table(name)
    return transposed(file.read(columns or [name for name in file.names if name]))


def values_of(name, columns=None):
    file = open_table(name)
    names = columns or [name for name in file.names if name]
    return transposed([read_column("x", raw).content for raw in file.read(names)])


def transposed(columns):
    listed = [
        [column.values[k] for k in column.codes] if isinstance(column, Texts) else list(column)
        for column in columns
    ]
    return list(zip(*listed, strict=True))


@pytest.mark.parametrize("name", ["t.csv", "t.TSV", "t.txt", "a [1] *?.csv"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_every_text_file_is_read_whatever_separates_it(name, separator, save):
    save(FRAME.write_csv(separator=separator, decimal_comma=separator == ";"), name)
    assert open_table(name).names == ("a", "b", "c")
    assert values_of(name) == FRAME.rows()


@pytest.mark.parametrize("name", ["t.parquet", "t.pq", "a [1] *?.parquet"])
def test_parquet_is_read(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FRAME.write_parquet(tmp_path / name)
    assert rows_of(name) == values_of(name) == FRAME.rows()
    assert rows_of(name, ["c", "a"]) == [("x", 1), ("ü", 2)]


def test_a_path_may_be_absolute_or_in_the_home_directory(tmp_path, save, monkeypatch):
    save("a,b\n1,2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir("/")
    assert rows_of("~/t.csv") == rows_of(str(tmp_path / "t.csv")) == [(1, 2)]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n", [(1, 2)]),
        (b"a,b\r\n1,2\r\n3,4\r\n", [(1, 2), (3, 4)]),
        (b"a,b\r1,2\r3,4\r", [(1, 2), (3, 4)]),
        (b"\na,b\n1,2", [(1, 2)]),
        (b"a,b\n1,2\n\n3,4\n\n\n", [(1, 2), (3, 4)]),
        (b"a,b\n1,2\n,\n", [(1, 2)]),
        (b"a,b\n1,2\n , \n3,\n", [(1, "2"), (3, "")]),
        (b" a , b\n1,2\n", [(1, 2)]),
        (b'"a","b"\n"1, 5","say ""hi"""\n', [("1, 5", 'say "hi"')]),
        (b'a, "b"\n1, "x, y"\n 2 ,z \n', [(1, "x, y"), (2, "z")]),
        (b'a,b\n6" pipe,2\n', [('6" pipe', 2)]),
        (b'a,b\n"two\nlines",1\nx,2\n', [("two\nlines", 1), ("x", 2)]),
        (b"a;b\n1,5;2\n-2,5;3\n", [(1.5, 2), (-2.5, 3)]),
        (b"height, cm;age, y;x, y\n1,5;2;3\n", [(1.5, 2, 3)]),
        (b",a,b,\n0,1,2,\n1,3,4,\n", [(1, 2), (3, 4)]),
        (b"x^2,*,^b$\n1,2,3\n4,5,6\n", [(1, 2, 3), (4, 5, 6)]),
    ],
    ids=["byte order mark", "carriage returns", "old Mac", "blank first line", "blank lines",
         "empty row", "row of spaces", "spaces in the header", "quotes", "spaces before quotes",
         "inch", "line break in quotes", "decimal commas", "commas in the header",
         "index and trailing comma", "patterns for names"],
)  # fmt: skip
def test_what_programs_write_is_read(content, rows, save):
    assert rows_of(save(content)) == rows


def test_a_type_that_only_a_late_row_tells_is_told(save):
    lines = ["a,b", *["1,true"] * 20_000, "1.5,maybe"]
    a, b = zip(*values_of(save("\n".join(lines))), strict=True)
    assert (a[0], a[-1]) == (1.0, 1.5)
    assert set(b) == {"maybe", "true"}


def test_rows_are_the_same_however_many_are_held_at_once(save, monkeypatch):
    monkeypatch.setattr(delimited, "_CELLS", 7)
    lines = [f'{k},"{k}, {k}",{k % 3}' for k in range(20)]
    rows = rows_of(save("a,b,c\n" + "\n".join(lines)), ["c", "b"])
    assert rows == [(k % 3, f"{k}, {k}") for k in range(20)]


@pytest.mark.parametrize(
    ("content", "expected", "found"),
    [
        ("", "a header and rows", "nothing in t.csv"),
        ("\n\n", "a header and rows", "nothing in t.csv"),
        ("a,b\n", "rows below its header", "none in t.csv"),
        ("a,b\n\n,\n", "rows below its header", "none in t.csv"),
        ("a,b,a\n1,2,3\n", "each once", "`a` more than once in t.csv"),
        ("a,b, a\n1,2,3\n", "each once", "`a` more than once in t.csv"),
        ("a,b\n1,2\n1,2,3\n", "as many fields as the header", "3 in data row 2 of t.csv"),
        ("a,b,c\n1,2,3\n\n1,2\n", "as many fields as the header", "2 in data row 2 of t.csv"),
        ('a,b\n1,2\n"x,3\n4,5\n', "must be closed", "one in data row 2 of t.csv"),
        ('a,b\n1,2\n"x"y,3\n"4"z,5\n', "must end its field", "behind one in data row 2 of t.csv"),
        ('a,b\n1,2\n"x" ,3\n', "must end its field", "behind one in data row 2 of t.csv"),
        ('"a"b,c\n1,2\n', "must end its field", "behind one in the header of t.csv"),
        ("a,b,c\n1,2,3\n# by hand\n", "as many fields", "the comment `# by hand` in data row 2"),
        ('a,b,c\n1,2,3\n"4,5,6"\n', "as many fields", "a whole row in one pair of quotes in"),
        (b"a,b\n1,2\nM\xfcller,3\n", "UTF-8", "in line 3 is not, `Müller,3` as Latin-1"),
        (b"Gr\xf6\xdfe,b\n1,2\n", "UTF-8", "t.csv, which in line 1 is not"),
        (b"a,b\n" + b"1,2\n" * 30_000 + b"\xe9,2\n", "UTF-8", "t.csv, which in line 30002 is not"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-8", "t.csv, which is binary, or text in UTF-16"),
        (b"PK\x03\x04\x00\x00", "UTF-8", "t.csv, which is binary"),
        (gzip.compress(b"a,b\n1,2\n"), "plain text", "t.csv, which is compressed by gzip"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "plain text", "t.csv, which is compressed by zstd"),
        (bz2.compress(b"a,b\n1,2\n"), "plain text", "t.csv, which is compressed by bzip2"),
        (lzma.compress(b"a,b\n1,2\n"), "plain text", "t.csv, which is compressed by xz"),
        (b"PAR1\x15\x00", "UTF-8", "t.csv, which is Parquet"),
        ("<!DOCTYPE html>\n<p>a,b</p>\n", "a table as text", "t.csv, which is a web page"),
        ('[{"a": 1, "b": 2},\n {"a": 3, "b": 4}]\n', "a table as text", "t.csv, which is JSON"),
        ("sep=;\na;b\n1;2\n", "name the columns", "`sep=;` in t.csv, a line for spreadsheets"),
        ("# by hand\na,b\n1,2\n", "name the columns", "the comment `# by hand` in t.csv"),
        ("a b\n1.5  x\n2.5 y\n", "separated by a comma", "spaces between those of t.csv"),
        ('"a,b"\n"1,2"\n', "hold one field each", "each row of t.csv in one pair of quotes"),
    ],
    ids=["empty", "blank", "header alone", "header and blanks", "twice", "twice but for spaces",
         "long row", "short row", "open quote", "text behind a quote",
         "space behind a quote", "text behind a quote in the header", "comment below",
         "quoted row", "Latin-1", "Latin-1 header", "late Latin-1",
         "UTF-16", "zip", "gzip", "zstd", "bzip2", "xz", "Parquet", "web page", "JSON", "sep",
         "comment", "spaces", "quoted rows"],
)  # fmt: skip
def test_a_text_file_that_is_no_table_is_refused(content, expected, found, save):
    with pytest.raises(ValueError, match=expected) as refused:
        rows_of(save(content))
    assert found in str(refused.value)


@pytest.mark.parametrize("damage", ["text", "cut", "bytes"])
def test_a_damaged_parquet_file_is_refused(damage, save):
    save(b"")
    FRAME.write_parquet("t.parquet")
    with open("t.parquet", "rb") as file:
        whole = file.read()
    content = {"text": b"a,b\n1,2\n", "cut": whole[:-9], "bytes": whole[:8] + bytes(90)
               + whole[98:]}[damage]  # fmt: skip
    with pytest.raises(ValueError, match=r"table that can be read\. Found t\.parquet: .*\. Save"):
        rows_of(save(content, "t.parquet"))


def test_a_parquet_file_without_rows_is_refused(tmp_path):
    FRAME.clear().write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="rows below its header"):
        rows_of(str(tmp_path / "t.parquet"))


def test_parquet_columns_may_have_names_that_look_like_patterns(tmp_path):
    names = ["x^2", "*", "^b$", "a.b", "^.*$", ""]
    path = str(tmp_path / "t.parquet")
    pl.DataFrame({name: [k, k + 1] for k, name in enumerate(names)}).write_parquet(path)
    assert rows_of(path, ["^b$", "*", "^.*$"]) == [(2, 1, 4), (3, 2, 5)]


@pytest.mark.usefixtures("in_this_process")
def test_a_parquet_file_that_cannot_fit_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pl, "read_parquet", None)
    monkeypatch.setattr(memory, "installed_memory", lambda: 16 * 2 * 1_000_000 - 1)
    pl.DataFrame({"a": [0], "b": [1], "c": [2]}).select(
        pl.all().repeat_by(1_000_000).explode()
    ).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"fit into memory\. Found 1,000,000 rows of .*t\.parquet"):
        rows_of(str(tmp_path / "t.parquet"), ["a", "c"])


@pytest.mark.usefixtures("in_this_process")
def test_more_rows_than_any_table_has_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pl, "read_parquet", None)
    monkeypatch.setattr(table_file, "MAX_ROWS", 9)
    pl.DataFrame({"a": [0] * 10}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"must have at most 9 rows\. Found 10 rows of .*t\.parq"):
        rows_of(str(tmp_path / "t.parquet"))


def test_a_text_file_that_cannot_fit_is_refused_before_it_is_read(save, monkeypatch):
    file = open_table(save("a,b\n" + "1,2\n" * 100))
    monkeypatch.setattr(memory, "installed_memory", lambda: 400)
    with pytest.raises(ValueError, match=r"fit into memory\. Found t\.csv, which needs at least"):
        file.read(["a"])


def test_what_is_no_file_is_refused(save, tmp_path):
    save("a,b\n1,2\n", "flowers.csv")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    save("", "table.xlsx")
    save("", "table.csv.gz")
    for path, parts in {
        "flower.csv": ("file that exists", "no flower.csv in", "Did you mean flowers.csv?"),
        "nowhere/t.csv": ("file that exists", "nowhere", "Check folder and name."),
        "x" * 300 + ".csv": ("file that exists", "xxx.csv", "Check"),
        "folder.csv": ("must be a file", "the folder folder.csv"),
        "loop.csv": ("must be a file", "loop.csv, a link that leads to none"),
        "pipe.csv": ("must be a file", "no regular file: pipe.csv"),
        "table.csv.gz": (".csv, .tsv, .txt, .parquet, .pq", "table.csv.gz", "Decompress"),
        os.devnull: ("must be a file", f"no regular file: {os.devnull}"),
        "table.xlsx": (".csv, .tsv, .txt, .parquet, .pq", "table.xlsx", "as CSV or Parquet"),
        "re\x1b[31md.csv": ("file that exists", "re\\x1b[31md.csv"),
    }.items():
        with pytest.raises(ValueError, match="A table must") as refused:
            open_table(path)
        for part in parts:
            assert part in str(refused.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_refused(save):
    os.chmod(save("a,b\n1,2\n"), 0)
    with pytest.raises(ValueError, match=r"Found t\.csv: .*Permission denied"):
        open_table("t.csv")


def test_a_parquet_file_that_would_end_the_process_is_refused(tmp_path):
    whole = parquet_bytes(metrics([0, 1], lambda _: 0.9))
    for bit in range(400, 404):  # at the first, Polars asks for 2 EiB of memory
        spoilt = bytearray(whole)
        spoilt[bit // 8] ^= 1 << bit % 8
        (tmp_path / "t.parquet").write_bytes(spoilt)
        reason = "reading it ended the process" if bit == 400 else ""
        with pytest.raises(ValueError, match=rf"table that can be read\. Found .*{reason}"):
            open_table(str(tmp_path / "t.parquet")).read(["seed"])
