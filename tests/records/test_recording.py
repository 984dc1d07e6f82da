"""The records of a run under way, whatever goes wrong as they are written."""

import pytest

from deltaflow.records import LAYERS, METRICS, Summary, read_summary, read_table
from deltaflow.records.decoding import WrongFieldError
from deltaflow.records.recording import Recording
from written import layers, metrics


@pytest.fixture
def recording(tmp_path):
    records = Recording(tmp_path / "run", Summary(status="running"))
    tables = {schema: records.table(schema, 0.0) for schema in (LAYERS, METRICS)}
    tables[LAYERS].append(layers([0]))
    tables[METRICS].append(metrics([0], lambda _: 0.5))
    return records


@pytest.mark.parametrize("broken", ["layers", "metrics"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SystemExit(3)])
def test_one_table_that_cannot_be_closed_keeps_no_other_from_it(
    broken, error, recording, monkeypatch
):
    (table,) = (table for table in recording._tables if table.schema.name == broken)

    def fail():
        raise error

    monkeypatch.setattr(table, "close", fail)
    with pytest.raises(type(error)):
        recording.close_tables()
    other = METRICS if broken == "layers" else LAYERS
    assert (recording.directory / f"{other.name}.parquet").exists()
    assert not (recording.directory / f"{broken}.parquet").exists()


def test_what_is_noted_is_checked_and_written_in_the_end(recording):
    recording.note({"n_steps": 7, "flow": {"loss_gain": {"mean": float("nan"), "n": 1}}})
    with pytest.raises(WrongFieldError, match=r"`device` must be a text\. Found 3\."):
        recording.note({"device": 3})
    assert read_summary(recording.directory).n_steps is None
    recording.complete()
    found = read_summary(recording.directory)
    assert found == recording.summary
    assert (found.n_steps, found.flow["loss_gain"].mean) == (7, None)
    assert len(read_table(recording.directory, METRICS)) == 7


def test_an_error_of_any_length_can_be_read_again(recording):
    recording.abort("failed", "x" * 10**6)
    assert read_summary(recording.directory).error == "x" * 100_000


def test_the_time_of_a_stack_is_shared_by_its_runs(recording, monkeypatch):
    recording.n_sharing = 4
    monkeypatch.setattr("time.monotonic", lambda: recording._started + 10.0)
    recording.complete()
    assert read_summary(recording.directory).wall_seconds == 2.5
