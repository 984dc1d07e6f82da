import os

import polars as pl
import pytest

from deltaflow.data.files import open_table

FRAME = pl.DataFrame({"a": [1, 2], "b": [0.5, -3.0], "c": ["x", "ü"]})


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Write a file into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(content, name="t.csv"):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return name

    return write


def rows_of(name, columns=None):
    file = open_table(name)
    return file.read(columns or [n for n in file.names if n]).rows()


@pytest.mark.parametrize("name", ["t.csv", "t.TSV", "t.txt", "a [1] *?.csv"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_every_text_file_is_read_whatever_separates_it(name, separator, save):
    save(FRAME.write_csv(separator=separator, decimal_comma=separator == ";"), name)
    assert open_table(name).names == ("a", "b", "c")
    assert rows_of(name) == FRAME.rows()


@pytest.mark.parametrize("name", ["t.parquet", "t.pq", "a [1] *?.parquet"])
def test_parquet_is_read(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FRAME.write_parquet(tmp_path / name)
    assert rows_of(name) == FRAME.rows()
    assert rows_of(name, ["c"]) == [("x",), ("ü",)]


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
        (b"\na,b\n1,2", [(1, 2)]),
        (b"a,b\n1,2\n\n3,4\n\n\n", [(1, 2), (3, 4)]),
        (b"a,b\n1,2\n,\n", [(1, 2)]),
        (b" a , b\n1,2\n", [(1, 2)]),
        (b'"a","b"\n"1, 5","say ""hi"""\n', [("1, 5", 'say "hi"')]),
        (b'a,b\n"two\nlines",1\nx,2\n', [("two\nlines", 1), ("x", 2)]),
        (b"a;b\n1,5;2\n-2,5;3\n", [(1.5, 2), (-2.5, 3)]),
        (b"height, cm;age, y;x, y\n1,5;2;3\n", [(1.5, 2, 3)]),
        (b",a,b,\n0,1,2,\n1,3,4,\n", [(1, 2), (3, 4)]),
    ],
    ids=["byte order mark", "carriage returns", "blank first line", "blank lines", "empty row",
         "spaces in the header", "quotes", "line break in quotes", "decimal commas",
         "commas in the header", "index and trailing comma"],
)  # fmt: skip
def test_what_programs_write_is_read(content, rows, save):
    assert rows_of(save(content)) == rows


def test_a_type_that_only_a_late_row_tells_is_told(save):
    lines = ["a,b", *["1,true"] * 20_000, "1.5,maybe"]
    frame = pl.DataFrame(rows_of(save("\n".join(lines))), schema=["a", "b"], orient="row")
    assert frame["a"][0] == 1.0
    assert frame["a"][-1] == 1.5
    assert frame["b"].unique().sort().to_list() == ["maybe", "true"]


@pytest.mark.parametrize(
    ("content", "expected", "found"),
    [
        ("", "a header and rows", "nothing in t.csv"),
        ("\n\n", "a header and rows", "nothing in t.csv"),
        ("a,b\n", "rows below its header", "none in t.csv"),
        ("a,b\n\n,\n", "rows below its header", "none in t.csv"),
        ("a,b,a\n1,2,3\n", "each once", "`a` more than once in t.csv"),
        ("a,b, a\n1,2,3\n", "each once", "`a` more than once in t.csv"),
        ("a,b\n1,2\n1,2,3\n", "as many fields as the header", "3 in row 2 of t.csv"),
        ("a,b,c\n1,2,3\n\n1,2\n", "as many fields as the header", "2 in row 2 of t.csv"),
        ('a,b\n1,2\n"x,3\n4,5\n', "as many fields as the header", "1 in row 2 of t.csv"),
        (b"a,b\n1,2\nM\xfcller,3\n", "UTF-8", "in line 3 is not, `Müller,3` as Latin-1"),
        (b"Gr\xf6\xdfe,b\n1,2\n", "UTF-8", "t.csv, which in line 1 is not"),
        (b"a,b\n" + b"1,2\n" * 30_000 + b"\xe9,2\n", "UTF-8", "t.csv, which in line 30002 is not"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-8", "t.csv, which is binary, or text in UTF-16"),
        (b"PK\x03\x04\x00\x00", "UTF-8", "t.csv, which is binary"),
        (b"a,b\r1,2\r3,4\r", "line feed", "only carriage returns in t.csv"),
    ],
    ids=["empty", "blank", "header alone", "header and blanks", "twice", "twice but for spaces",
         "long row", "short row", "open quote", "Latin-1", "Latin-1 header", "late Latin-1",
         "UTF-16", "zip", "carriage returns"],
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


def test_what_is_no_file_is_refused(save, tmp_path):
    save("a,b\n1,2\n", "flowers.csv")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    save("", "table.xlsx")
    for path, parts in {
        "flower.csv": ("file that exists", "no flower.csv in", "Did you mean flowers.csv?"),
        "nowhere/t.csv": ("file that exists", "nowhere", "Check folder and name."),
        "x" * 300 + ".csv": ("file that exists", "xxx.csv", "Check"),
        "folder.csv": ("must be a file", "the folder folder.csv"),
        "pipe.csv": ("must be a file", "no regular file: pipe.csv"),
        "table.xlsx": (".csv, .tsv, .txt, .parquet, .pq", "table.xlsx", "as CSV or Parquet"),
        "re\x1b[31md.csv": ("file that exists", "re\\x1b[31md.csv"),
    }.items():
        with pytest.raises(ValueError, match=r"`data\.path` must") as refused:
            open_table(path)
        for part in parts:
            assert part in str(refused.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_refused(save):
    os.chmod(save("a,b\n1,2\n"), 0)
    with pytest.raises(ValueError, match=r"Found t\.csv: .*Permission denied"):
        open_table("t.csv")
