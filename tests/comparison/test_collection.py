"""Runs are found wherever they are, and read whatever state they are in."""

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from deltaflow.comparison.collection import collect, find_runs, named_run, read_run
from deltaflow.records import LAYERS, METRICS, TableWriter, read_columns
from written import layers, metrics, write_run

HERE = {"host": socket.gethostname(), "started": datetime.now(UTC).isoformat()}


def test_runs_are_found_at_any_depth_each_once_in_natural_order(tmp_path):
    for name in ("10_a", "2_b", "1_c"):
        write_run(tmp_path / "outputs" / "sweep" / name)
    write_run(tmp_path / "outputs" / "alone")
    (tmp_path / "link").symlink_to(tmp_path / "outputs" / "sweep")
    found = find_runs([tmp_path / "outputs", tmp_path / "outputs" / "alone", tmp_path / "link"])
    assert [path.name for path in found] == ["alone", "1_c", "2_b", "10_a"]


def test_a_link_is_left_out_with_a_warning(tmp_path):
    elsewhere = write_run(tmp_path / "elsewhere" / "0_a")
    run = write_run(tmp_path / "sweep" / "1_b")
    (run.parent / "0_a").symlink_to(elsewhere)
    (run.parent / ".hidden").symlink_to(elsewhere)
    with pytest.warns(UserWarning, match=r"Found .*sweep/0_a, a symbolic link, which is left out"):
        assert find_runs([run.parent]) == [run]


def test_what_lies_within_a_run_is_its_own(tmp_path):
    outer = write_run(tmp_path / "run")
    write_run(outer / "copy")
    assert find_runs([tmp_path]) == [outer]


def test_what_is_hidden_is_nobodys_run(tmp_path):
    run = write_run(tmp_path / "sweep" / "0_a")
    write_run(tmp_path / "sweep" / ".sweep" / "replaced")
    assert find_runs([tmp_path]) == [run]


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_runs_is_refused(tmp_path, made):
    folder = tmp_path / "none"
    if made:
        folder.mkdir()
    write_run(tmp_path / "some")
    with pytest.raises(ValueError, match=r"Found no summary\.json in .*none\. Name run dir"):
        find_runs([tmp_path / "some", folder])


def test_a_folder_of_several_runs_is_not_one(tmp_path):
    for name in ("10_a", "2_b"):
        write_run(tmp_path / "sweep" / name)
    (tmp_path / "sweep" / "link").symlink_to(tmp_path)  # no reason for a warning
    expected = r"Found 2 runs below .*\. Name one, such as `.*/sweep/2_b`\.$"
    with pytest.raises(ValueError, match=expected):
        named_run(tmp_path)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda path: None, r"Found that .*it is not there\."),
        (lambda path: path.touch(), r"Found that .*it is a file\."),
        (lambda path: path.mkdir(), r"Found no summary\.json in .*it\."),
        (lambda path: write_run(path / "0_a"), r"Found one run below .*it\. .*`.*it/0_a`\."),
    ],
    ids=["nothing", "a file", "empty", "one run"],
)
def test_what_is_no_run_is_said_in_words(make, found, tmp_path):
    make(tmp_path / "it")
    with pytest.raises(ValueError, match=found):
        named_run(tmp_path / "it")


def test_a_run_is_as_its_records_have_it(tmp_path):
    run = read_run(write_run(tmp_path / "0_a", ["activation=tanh"]))
    assert (run.status, run.reason) == ("completed", None)
    assert run.summary.overrides == ["activation=tanh"]
    assert "activation: tanh\n" in run.config
    table = read_columns(run.directory, LAYERS, ["seed", "delta_norm"])
    assert table.columns == ["seed", "delta_norm"]
    assert len(table) == 4 * 3 * 4


def test_a_failed_run_says_why(tmp_path):
    run = read_run(write_run(tmp_path / "0_a", error="Found -1."))
    assert (run.status, run.reason) == ("failed", "Found -1.")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"status": "compl', "Unterminated string"),
        ("[1, 2]", "must be an object. Found a list."),
        ('{"status": "excellent"}', "`status` must be one of completed, diverged, "),
        ('{"status": ["completed"]}', "Found a list."),
        ('{"status": "completed", "replicas": {}}', "`replicas` must be a list. Found an object."),
        ('{"status": "completed", "replicas": [{"seed": "0"}]}', "`replicas[0].seed` must be a"),
        ('{"status": "completed", "replicas": [{"seed": 0, "status": "completed", "flow": 1}]}',
         "`replicas[0].flow` must be an object. Found 1."),
        ('{"status": "completed", "verdicts": ["healthy"]}', "`verdicts[0]` must be an object."),
        ('{"status": "completed", "theory": 5}', "`theory` must be an object. Found 5."),
        ('{"status": "completed", "flow": []}', "`flow` must be an object. Found a list."),
        (b"\xff\xfe\x00", "codec"),
    ],
)  # fmt: skip
def test_a_summary_that_is_none_makes_a_failed_run(tmp_path, content, reason):
    write_run(tmp_path / "0_a")
    path = tmp_path / "0_a" / "summary.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    (run,) = collect([tmp_path])
    assert run.status == "failed"
    assert reason in run.reason
    assert run.summary.replicas == []
    assert run.config


def test_an_empty_summary_makes_a_running_run(tmp_path):
    write_run(tmp_path / "0_a")
    (tmp_path / "0_a" / "summary.json").write_text("")
    (run,) = collect([tmp_path])
    assert run.status == "running"
    assert "its summary.json is empty" in run.reason


def marked_as_running(directory, **fields):
    return read_run(write_run(directory, status="running", **fields))


def test_a_run_whose_process_is_gone_is_interrupted(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    run = marked_as_running(tmp_path / "0_a", **HERE, process=process.pid)
    assert run.status == "interrupted"
    assert run.reason == f"its process {process.pid} is gone"


def test_a_run_whose_process_has_ended_unnoticed_is_interrupted(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    process.stdout.read()  # ended, or about to
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # and still a zombie
    run = marked_as_running(tmp_path / "0_a", **HERE, process=process.pid)
    process.stdout.close()
    process.wait()
    assert run.status == "interrupted"


def test_a_run_whose_process_is_there_is_running(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    late = HERE | {"started": (datetime.now(UTC) + timedelta(minutes=1)).isoformat()}
    run = marked_as_running(tmp_path / "0_a", **late, process=process.pid)
    early = HERE | {"started": (datetime.now(UTC) - timedelta(days=1)).isoformat()}
    other = marked_as_running(tmp_path / "1_a", **early, process=process.pid)
    process.communicate(b"\n")
    assert run.status == "running"
    assert run.reason == f"not ended yet, on {socket.gethostname()}"
    assert other.status == "interrupted"  # a process that has got the same number since


def test_a_process_on_another_machine_cannot_be_asked(tmp_path):
    run = marked_as_running(tmp_path / "0_a", host="far-away", process=2**22 + 1)
    assert (run.status, run.reason) == ("running", "not ended yet, on far-away")


def test_whoever_asks_is_not_training(tmp_path):
    run = marked_as_running(tmp_path / "0_a", **HERE, process=os.getpid())
    assert run.status == "interrupted"


def test_what_a_killed_run_had_flushed_counts(tmp_path):
    run = read_run(write_run(tmp_path / "a [b] *", status="interrupted"))
    for schema, frame in ((LAYERS, layers([0, 1])), (METRICS, metrics([0, 1], lambda _: 0.5))):
        (run.directory / f"{schema.name}.parquet").unlink()
        writer = TableWriter(run.directory, schema, flush_seconds=0)
        writer.append(frame[: len(frame) // 2])
        writer.flush()
        writer.append(frame[len(frame) // 2 :])
        writer.flush()
        assert len(list(run.directory.glob(f"records/{schema.name}-*"))) == 2
        assert len(read_columns(run.directory, schema, ["seed"])) == len(frame)


def test_columns_that_an_earlier_version_did_not_write_are_null(tmp_path):
    run = read_run(write_run(tmp_path / "0_a"))
    layers([0]).drop("predicted_delta_norm").write_parquet(run.directory / "layers.parquet")
    table = read_columns(run.directory, LAYERS, ["predicted_delta_norm", "seed"])
    assert table.columns == ["predicted_delta_norm", "seed"]
    assert table["predicted_delta_norm"].null_count() == len(table) > 0


@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing"])
def test_a_table_that_cannot_be_read_is_an_error_with_its_name(tmp_path, content):
    run = read_run(write_run(tmp_path / "0_a"))
    (run.directory / "layers.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=r"0_a/layers\.parquet must be a Parquet file"):
        read_columns(run.directory, LAYERS, ["seed"])


def test_a_table_of_other_types_is_an_error(tmp_path):
    run = read_run(write_run(tmp_path / "0_a"))
    pl.DataFrame({"seed": ["a"]}).write_parquet(run.directory / "layers.parquet")
    with pytest.raises(ValueError, match="must be a Parquet file of the table `layers`"):
        read_columns(run.directory, LAYERS, ["seed"])


def test_nothing_that_a_directory_names_is_built(tmp_path):
    directory = write_run(tmp_path / "0_a", ["activation=tanh"])
    (directory / ".hydra" / "config.yaml").write_text("_target_: os.abort\n!!python/object:x\n")
    summary = json.loads((directory / "summary.json").read_text())
    (directory / "summary.json").write_text(json.dumps(summary | {"_target_": "os.abort"}))
    (run,) = collect([tmp_path])
    assert run.config.startswith("_target_: os.abort")
