import json
import math
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from deltaflow.records import Summary, read_summary, summary_of, write_summary
from deltaflow.records.decoding import WrongFieldError
from deltaflow.records.summary import DirectoryTakenError, claim_directory

BEGUN = Summary(status="running")


def test_a_summary_comes_back_as_it_was(tmp_path):
    flow = {"decay_rate_start": {"mean": 0.5, "low": None, "high": None, "n": 1}}
    written = summary_of({"status": "completed", "flow": flow, "replicas": []})
    write_summary(tmp_path, written)
    assert read_summary(tmp_path) == written
    assert written.flow["decay_rate_start"].mean == 0.5


def test_json_has_null_never_nan(tmp_path):
    interval = {"mean": math.nan, "low": -math.inf, "high": math.inf, "n": 3, "alike": False}
    write_summary(tmp_path, summary_of({"status": "running", "flow": {"loss_gain": interval}}))
    text = (tmp_path / "summary.json").read_text()
    expected = {"mean": None, "low": None, "high": None, "n": 3, "alike": False}
    assert json.loads(text, parse_constant=pytest.fail)["flow"] == {"loss_gain": expected}


@pytest.mark.parametrize("fields", [{}, {"status": "good"}, {"status": "running", "n_steps": 0.5}])
def test_fields_are_checked_before_they_are_written(fields):
    with pytest.raises(WrongFieldError, match="must be"):
        summary_of(fields)


@pytest.mark.parametrize(
    "content", [None, "{", "[]", "{}", "[" * 100_000], ids=["none", "cut", "list", "empty", "deep"]
)
def test_what_is_no_summary_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    with pytest.raises(ValueError, match=r"train\.py (has written|writes it)"):
        read_summary(tmp_path)


def test_a_directory_is_claimed_once(tmp_path):
    claim_directory(tmp_path / "run", BEGUN)
    with pytest.raises(DirectoryTakenError, match="needs a directory of its own"):
        claim_directory(tmp_path / "run", Summary(status="completed"))
    assert read_summary(tmp_path / "run").status == "running"
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["summary.json"]


def test_a_directory_is_claimed_once_where_files_cannot_be_linked_too(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    test_a_directory_is_claimed_once(tmp_path)


def test_of_many_that_claim_a_directory_one_has_it(tmp_path):
    def attempt(number: int) -> bool:
        try:
            claim_directory(tmp_path, Summary(status="running", process=number))
        except DirectoryTakenError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = [number for number, has in enumerate(pool.map(attempt, range(64))) if has]
    assert won == [read_summary(tmp_path).process]


def test_a_text_of_anybody_commands_no_terminal():
    found = summary_of({"status": "failed", "error": "red \x1b[31m\r\n\tof it\x9b0m \ud800"})
    assert found.error == "red �[31m�\n\tof it�0m ?"
