"""A report is written whole, and no part of it costs another."""

import json
import sys
from types import ModuleType

import polars as pl
import pytest

from deltaflow.comparison.collection import collect
from deltaflow.page.content import content
from deltaflow.sweep import report
from deltaflow.sweep.report import report_on, title_of, write_report
from written import write_run


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "sweep_2026-01-01"
    for number, activation in enumerate(("relu", "tanh", "sigmoid")):
        write_run(folder / f"{number}_x", [f"activation={activation}"],
                  accuracy=lambda s, n=number: 0.9 - 0.1 * n + 0.01 * s * n)  # fmt: skip
    return folder


@pytest.fixture
def pages(monkeypatch):
    """The comparisons that a page was written of, by its path."""
    written, module = {}, ModuleType("deltaflow.page")
    module.write_page = lambda comparison, path: written.update({path: comparison})
    monkeypatch.setitem(sys.modules, "deltaflow.page", module)
    return written


def on(folder, directory=None, **named):
    return report_on(collect([folder]), directory or folder, "Sweep", **named)


def test_a_report_is_a_page_two_tables_and_figures(sweep, pages):
    report = on(sweep)
    write_report(report)
    new = {path.name for path in sweep.iterdir()} - {"0_x", "1_x", "2_x"}
    assert new == {"runs.parquet", "runs.csv", "figures"}
    assert pages == {sweep / "report.html": report.comparison}
    assert len(pl.read_parquet(sweep / "runs.parquet")) == 12
    assert len(list((sweep / "figures").iterdir())) == 5


def test_it_can_be_renewed_and_does_not_find_itself(sweep, pages):
    write_report(on(sweep))
    before = (sweep / "runs.parquet").read_bytes()
    write_report(on(sweep))
    assert (sweep / "runs.parquet").read_bytes() == before


def test_it_goes_where_it_is_told_to_and_says_where_the_runs_are(sweep, pages, tmp_path):
    report = on(sweep, tmp_path / "new" / "report")
    write_report(report, "svg")
    where = "../../sweep_2026-01-01/0_x"
    assert report.comparison.ranking[0].directory == where
    assert pl.read_parquet(tmp_path / "new" / "report" / "runs.parquet")["directory"][0] == where
    assert list((tmp_path / "new" / "report" / "figures").glob("*.svg"))
    assert {path.name for path in sweep.iterdir()} == {"0_x", "1_x", "2_x"}


@pytest.mark.parametrize("part", ["_write_runs", "_write_page", "_write_figures"])
def test_what_goes_wrong_with_one_part_does_not_cost_the_others(sweep, pages, monkeypatch, part):
    def fails(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(report, part, fails)
    with pytest.raises(OSError, match="no space"):
        write_report(on(sweep))
    assert (sweep / "runs.parquet").exists() == (part != "_write_runs")
    assert bool(pages) == (part != "_write_page")
    assert (sweep / "figures").exists() == (part != "_write_figures")


def test_the_command_is_that_of_the_sweep(sweep):
    assert on(sweep).comparison.command == "python train.py -m swept"


@pytest.mark.parametrize(
    ("fields", "failed"),
    [
        ({}, False),
        ({"diverged": dict.fromkeys(range(4), 1)}, False),
        ({"status": "running", "replicas": []}, False),
        ({"status": "interrupted", "replicas": []}, True),
        ({"error": "no"}, True),
    ],
)
def test_it_knows_whether_a_run_failed(sweep, fields, failed):
    write_run(sweep / "9_x", ["activation=elu"], **fields)
    assert on(sweep).has_failures == failed


def test_a_title_names_what_was_given(sweep, tmp_path):
    assert title_of([sweep]) == "Sweep 2026-01-01"
    assert title_of([sweep / "0_x"]) == "Run 0_x"
    assert title_of([sweep, tmp_path]) == f"2 folders: sweep_2026-01-01, {tmp_path.name}"


def test_a_comparison_of_anything_can_be_a_page(tmp_path):
    text = "\ud800 </script> \u2028"
    write_run(tmp_path / "0_x", ["a=1"], error=text)
    assert (
        json.loads(json.dumps(content(on(tmp_path).comparison)))["runs"][0]["reason"]
        == "? </script> \u2028"
    )
