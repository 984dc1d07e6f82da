"""Tables from anybody, measured and checked before they are in memory."""

import os
import re
from contextlib import suppress

import polars as pl
import pytest

from deltaflow.records import LAYERS, METRICS, TableWriter, read_table
from deltaflow.records.reading import read_columns, read_part
from deltaflow.records.tables import parquet_bytes
from written import layers, metrics

FEW = layers([0, 1])


def refused(directory, match, table=LAYERS):
    with pytest.raises(ValueError, match=match) as caught:
        read_table(directory, table)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 1000
    with pytest.raises(ValueError, match=match):
        read_columns(directory, table, table.key)


@pytest.mark.usefixtures("in_this_process")
def test_a_bomb_of_rows_is_told_by_its_end(tmp_path):
    n = 30_000_000
    seeds = pl.select(pl.repeat(0, n, dtype=pl.Int64).alias("seed"))
    seeds.write_parquet(tmp_path / "layers.parquet", compression="zstd")
    assert (tmp_path / "layers.parquet").stat().st_size < n / 100
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pl, "read_parquet", lambda *_, **__: pytest.fail("read"))
        refused(tmp_path, "30,000,000 rows in [0-9,]+ bytes")


@pytest.mark.usefixtures("in_this_process")
def test_chunks_must_fit_together(tmp_path, monkeypatch):
    (tmp_path / "records").mkdir()
    for chunk in range(3):
        FEW.write_parquet(tmp_path / "records" / f"layers-{chunk:05d}.parquet")
    held = read_part(tmp_path, "records/layers-00000.parquet", LAYERS).estimated_size()
    one = len(FEW) * len(LAYERS.types) * 24
    monkeypatch.setattr("deltaflow.system.memory.installed_memory", lambda: one + held)
    with pytest.warns(UserWarning, match="Rows are lost"):
        assert len(read_table(tmp_path, LAYERS)) == 2 * len(FEW)


def test_a_file_that_says_its_end_is_huge_is_not_read(tmp_path):
    with (tmp_path / "layers.parquet").open("wb") as file:
        file.write(b"PAR1")
        file.truncate(2**32 - 8)
        file.seek(0, os.SEEK_END)
        file.write((2**32 - 16).to_bytes(4, "little") + b"PAR1")
    refused(tmp_path, "its end is not that of a Parquet file")


def test_columns_of_another_table_are_no_rows(tmp_path):
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "layers.parquet")
    refused(tmp_path, "it has no column seed, step, layer")


def test_a_thousand_columns_are_too_many(tmp_path):
    wide = pl.DataFrame({f"c{n}": [0] for n in range(1001)})
    wide.write_parquet(tmp_path / "layers.parquet")
    refused(tmp_path, "it has 1,001 columns")


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda t: t.with_columns(seed=pl.col("seed").cast(pl.Float64)), "`seed` is Float64"),
        (lambda t: t.with_columns(seed=pl.concat_list("seed")), "`seed` is List"),
        (lambda t: t.with_columns(layer=pl.lit("\x1b[31m")), "`layer` is String"),
        (lambda t: t.drop("layer"), "it has no column layer"),
        (lambda t: t.with_columns(step=pl.lit(None, pl.Int64)), "`step` is null in some row"),
        (lambda t: t.with_columns(step=-pl.col("step")), "`step` is not from 0 to "),
        (lambda t: t.with_columns(seed=pl.lit(2**63 - 1)), "`seed` is not from 0 to "),
        (
            lambda t: t.with_columns(layer=pl.lit(10**6, pl.Int64)),
            "`layer` is not from 0 to 100,000",
        ),
        (lambda t: pl.concat([t, t[:1]]), "two rows have the same seed, fold, step, layer"),
    ],
)
def test_a_table_that_no_run_writes_is_refused(spoil, match, tmp_path):
    spoil(FEW).write_parquet(tmp_path / "layers.parquet")
    refused(tmp_path, match)


def test_a_split_that_there_is_not_is_refused(tmp_path):
    curves = metrics([0], lambda _: 0.5).with_columns(split=pl.lit("\x1b[31m" * 1000))
    curves.with_row_index("n").with_columns(epoch=pl.col("n").cast(pl.Int64)).write_parquet(
        tmp_path / "metrics.parquet"
    )
    refused(tmp_path, "`split` is not one of train, validation, test", METRICS)


@pytest.mark.usefixtures("in_this_process")
def test_a_panic_of_polars_is_a_message(tmp_path, monkeypatch):
    def panic(*_, **__):
        raise pl.exceptions.PanicException("capacity \x1b[31m overflow")

    FEW.write_parquet(tmp_path / "layers.parquet")
    monkeypatch.setattr(pl, "read_parquet", panic)
    refused(tmp_path, r"cannot be read: capacity \\x1b\[31m overflow")


def test_a_file_that_is_cut_anywhere_is_refused(tmp_path):
    FEW.write_parquet(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for at in range(0, len(whole), 97):
        (tmp_path / "layers.parquet").write_bytes(whole[:at])
        refused(tmp_path, "must be a Parquet file of the table `layers`")


def test_a_byte_that_is_another_is_refused_or_read(tmp_path):
    FEW.write_parquet(tmp_path / "whole")
    whole = bytearray((tmp_path / "whole").read_bytes())
    for at in range(0, len(whole), 61):
        spoilt = bytes([*whole[:at], whole[at] ^ 0xFF, *whole[at + 1 :]])
        (tmp_path / "layers.parquet").write_bytes(spoilt)
        with suppress(ValueError):  # anything else would not be a message
            assert len(read_table(tmp_path, LAYERS)) <= len(FEW)


@pytest.mark.parametrize("read", [read_table, lambda d, t: read_columns(d, t, ["seed"])])
@pytest.mark.parametrize("moment", ["before they are listed", "before they are read", "after"])
def test_a_run_that_consolidates_meanwhile_loses_no_row(read, moment, tmp_path, monkeypatch):
    writer = TableWriter(tmp_path, LAYERS, flush_seconds=0)
    for half in (FEW[: len(FEW) // 2], FEW[len(FEW) // 2 :]):
        writer.append(half)
        writer.flush()
    from deltaflow.records import reading

    name = "_read" if moment != "before they are listed" else "chunk_names"
    original, calls = getattr(reading, name), []

    def meanwhile(*arguments):
        calls.append(arguments)
        if moment == "after":
            found = original(*arguments)
            if len(calls) == 2:
                with monkeypatch.context() as undone:
                    undone.setattr(reading, name, original)
                    writer.close()
            return found
        if len(calls) == 1:
            with monkeypatch.context() as undone:
                undone.setattr(reading, name, original)
                writer.close()
        return original(*arguments)

    monkeypatch.setattr(reading, name, meanwhile)
    assert len(read(tmp_path, LAYERS)) == len(FEW)


def test_a_flipped_bit_ends_neither_the_reader_nor_the_next_table(tmp_path):
    """At one of these Polars asks for 2 EiB of memory, and Rust ends the process."""
    whole = parquet_bytes(metrics([0, 1], lambda _: 0.9))
    refusals = set()
    for bit in range(400, 424):
        spoilt = bytearray(whole)
        spoilt[bit // 8] ^= 1 << bit % 8
        (tmp_path / "metrics.parquet").write_bytes(spoilt)
        try:
            read_table(tmp_path, METRICS)
        except ValueError as error:
            refusals |= set(re.findall("reading it ended the process", str(error))) or {"other"}
    assert refusals == {"reading it ended the process", "other"}
    (tmp_path / "metrics.parquet").write_bytes(whole)
    assert len(read_table(tmp_path, METRICS))
