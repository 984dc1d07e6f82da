from contextlib import suppress

import polars as pl
import pytest

from deltaflow.records import METRICS, TableWriter, read_table, reading, tables


@pytest.fixture(autouse=True, params=[tables._BLOCK_ROWS, 1], ids=["whole", "blocks"])
def block_rows(request, monkeypatch) -> None:
    """Small tables are sorted as a whole, large ones in blocks."""
    monkeypatch.setattr(tables, "_BLOCK_ROWS", request.param)


def _rows(epoch: int, seeds=(1, 0)) -> pl.DataFrame:
    n = len(seeds)
    return METRICS.frame(
        {"seed": list(seeds), "epoch": [epoch] * n, "split": ["train"] * n, "loss": [0.5] * n}
    )


def _written(directory):
    return sorted(path.name for path in directory.rglob("*.parquet"))


def test_rows_are_consolidated_in_the_order_of_the_key(tmp_path):
    writer = TableWriter(tmp_path, METRICS, flush_seconds=0)
    for epoch in (1, 0):
        writer.append(_rows(epoch))
    writer.close()
    assert _written(tmp_path) == ["metrics.parquet"]
    assert not (tmp_path / "records").exists()
    table = read_table(tmp_path, METRICS)
    assert table.select("seed", "epoch").rows() == [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize("name", ["loss.class_weight=[3,1]", "a*b?", "~{x}"])
def test_the_name_of_a_folder_may_have_special_characters(name, tmp_path):
    (tmp_path / name).mkdir()
    writer = TableWriter(tmp_path / name, METRICS, flush_seconds=0)
    for epoch in (1, 0):
        writer.append(_rows(epoch))
    writer.close()
    assert len(read_table(tmp_path / name, METRICS)) == 4


def test_what_was_flushed_can_be_read_while_the_run_is_going(tmp_path):
    writer = TableWriter(tmp_path, METRICS, flush_seconds=0)
    writer.append(_rows(0))
    writer.append(_rows(1))
    assert _written(tmp_path) == ["metrics-00000.parquet", "metrics-00001.parquet"]
    assert len(read_table(tmp_path, METRICS)) == 4


def test_rows_wait_for_the_flush(tmp_path):
    writer = TableWriter(tmp_path, METRICS, flush_seconds=3600)
    writer.append(_rows(0))
    assert _written(tmp_path) == []
    writer.flush()
    assert _written(tmp_path) == ["metrics-00000.parquet"]


def test_a_run_killed_while_consolidating_counts_no_row_twice(tmp_path):
    writer = TableWriter(tmp_path, METRICS, flush_seconds=0)
    writer.append(_rows(0))
    chunk = (tmp_path / "records" / "metrics-00000.parquet").read_bytes()
    writer.close()
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "metrics-00000.parquet").write_bytes(chunk)
    assert len(read_table(tmp_path, METRICS)) == 2


def test_a_run_without_rows_has_an_empty_table(tmp_path):
    TableWriter(tmp_path, METRICS, flush_seconds=0).close()
    assert read_table(tmp_path, METRICS).equals(METRICS.frame({}))


def test_rows_of_another_schema_are_refused(tmp_path):
    with pytest.raises(ValueError, match="must have the columns"):
        TableWriter(tmp_path, METRICS, flush_seconds=0).append(_rows(0).drop("loss"))


def test_a_file_that_is_no_table_is_named(tmp_path):
    (tmp_path / "metrics.parquet").write_text("not a table")
    with pytest.raises(ValueError, match=r"metrics\.parquet must be a Parquet file"):
        read_table(tmp_path, METRICS)


def test_a_table_is_the_same_in_blocks_and_in_order(tmp_path, monkeypatch):
    rows = [_rows(epoch, seeds) for epoch, seeds in ((2, range(9)), (0, (8, 3, 5)), (1, range(6)))]
    monkeypatch.setattr(tables, "_BLOCK_ROWS", 4)
    writer = TableWriter(tmp_path, METRICS, flush_seconds=0)
    for frame in rows:
        writer.append(frame)
    writer.close()
    assert read_table(tmp_path, METRICS).equals(pl.concat(rows).sort("seed", "epoch"))


def test_what_a_killed_process_left_while_sorting_is_removed(tmp_path):
    (tmp_path / "records" / "sorting-1234").mkdir(parents=True)
    (tmp_path / "records" / "sorting-1234" / "0.parquet").write_bytes(b"half of")
    writer = TableWriter(tmp_path, METRICS, flush_seconds=0)
    writer.append(_rows(0))
    writer.close()
    assert _written(tmp_path) == ["metrics.parquet"]
    assert not (tmp_path / "records").exists()


@pytest.fixture
def closed(tmp_path):
    writer = TableWriter(tmp_path, METRICS, flush_seconds=0)
    for epoch in range(3):
        writer.append(_rows(epoch))
    writer.close()
    return writer


def test_closing_again_leaves_all_rows(closed, tmp_path):
    before = (tmp_path / "metrics.parquet").read_bytes()
    closed.close()
    assert (tmp_path / "metrics.parquet").read_bytes() == before


def test_rows_that_come_after_closing_are_added(closed, tmp_path):
    closed.append(_rows(3))
    assert len(read_table(tmp_path, METRICS)) == 6  # until then, the whole table counts
    closed.close()
    assert len(read_table(tmp_path, METRICS)) == 8
    assert _written(tmp_path) == ["metrics.parquet"]


@pytest.mark.parametrize("step", ["unlink", "rmdir", "replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_closing_that_is_broken_off_may_be_repeated(step, error, monkeypatch, tmp_path):
    writer = TableWriter(tmp_path, METRICS, flush_seconds=3600)
    writer.append(_rows(0))
    writer.flush()
    writer.append(_rows(1))

    def abort(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(f"pathlib.Path.{step}", abort)
        with suppress(error):
            writer.close()
    writer.close()
    assert len(read_table(tmp_path, METRICS)) == 4
    assert "metrics.parquet" in _written(tmp_path)


def test_rows_of_a_flush_that_failed_come_with_the_next(monkeypatch, tmp_path):
    writer = TableWriter(tmp_path, METRICS, flush_seconds=3600)
    writer.append(_rows(0))

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("deltaflow.records.tables.replace_file", full)
        with pytest.raises(OSError, match="No space"):
            writer.flush()
    writer.flush()
    assert len(read_table(tmp_path, METRICS)) == 2


def test_a_table_of_this_process_is_read_here_until_it_is_changed(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(reading, "call", lambda *asked_for, **_: asked.append(asked_for))
    writer = TableWriter(tmp_path, METRICS, flush_seconds=0)
    writer.append(_rows(0))
    writer.close()
    assert len(reading.read_columns(tmp_path, METRICS, ["seed", "loss"])) == 2
    assert not asked
    path = tmp_path / "metrics.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"?")
    with suppress(AttributeError, TypeError):  # the answer above is no table
        reading.read_columns(tmp_path, METRICS, ["seed", "loss"])
    assert len(asked) == 1
