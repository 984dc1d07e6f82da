"""Summaries from anybody: each costs its own run, and no other."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltaflow.comparison.collection import collect
from deltaflow.comparison.phase_points import phase_points
from deltaflow.comparison.runs_table import runs_table, write_runs
from deltaflow.page.content import content
from deltaflow.page.html import page
from deltaflow.records import RUNS, Summary, WrongFieldError, read_summary, summary_of
from deltaflow.sweep.report import report_on
from deltaflow.terminal.ranking import describe_run, print_ranking
from deltaflow.terminal.screen import console
from drawn import draws, json_of
from written import write_run


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("foreign") / "sweep"
    write_run(folder / "0_x", ["a=1"])
    write_run(folder / "1_y", ["a=2"])
    return folder


def reported(sweep, capsys):
    """The report with a healthy run; all that is computed for it is written but pictures."""
    runs = collect([sweep])
    made = report_on(runs, sweep, "it")
    with_numbers = json.dumps(content(made.comparison), allow_nan=False)
    write_runs(runs_table(made.grouped, sweep), sweep)
    print_ranking(console(), made.comparison)
    for run in runs:
        assert "\x1b" not in describe_run(run.summary)
    phase_points([str(sweep)], "ReLU()", 0.0)
    assert "\x1b" not in capsys.readouterr().out
    runs = json.loads(with_numbers)["runs"]
    statuses = {run["directory"].rpartition("/")[2]: run["status"] for run in runs}
    assert statuses.get("0_x") == "completed", statuses
    return made


def write(sweep, fields, config=None):
    (sweep / "1_y" / "summary.json").write_text(json.dumps(fields))
    path = sweep / "1_y" / ".hydra" / "config.yaml"
    path.write_text("a: 2\n" if config is None else config)


@pytest.fixture
def foreign(sweep, capsys):
    """Report on a summary; whether it was one."""
    whole = json.loads((sweep / "0_x" / "summary.json").read_text())

    def act(fields, config=None):
        write(sweep, whole | {"overrides": ["a=2"]} | fields, config)
        return reported(sweep, capsys)

    return act


@pytest.mark.slow
@draws(50)
@given(json_of(Summary), st.text(max_size=20))
def test_what_a_run_could_have_written_costs_its_own_run(foreign, fields, config):
    foreign(fields, config)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"replicas": [{"seed": 2**63, "status": "completed"}]}, "`replicas[0].seed` must be a"),
        ({"replicas": [{"seed": 0, "status": "completed"}] * 2}, "the same seed twice"),
        ({"wall_seconds": 10**400}, "`wall_seconds` must be a finite number. Found one beyond"),
        ({"overrides": [f"a{n}=1" for n in range(200_000)]}, "a list of at most 500"),
        ({"error": "x" * 200_000}, "at most 100,000 characters"),
        ({"command": [5]}, "`command[0]` must be a text. Found 5."),
        ({"versions": {"torch": []}}, "`versions.torch` must be a text. Found a list."),
        ({"choices": []}, "`choices` must be an object. Found a list."),
    ],
)
def test_the_message_names_the_field(foreign, fields, reason):
    made = foreign(fields)
    assert any(reason in str(run.reason) for run in made.comparison.ranking)
    assert any("1_y/summary.json" in str(run.reason) or "1_y out" in str(run.reason)
               for run in made.comparison.ranking)  # fmt: skip


def test_a_number_by_the_name_of_another_column_is_none_of_it(foreign):
    replica = {"seed": 0, "status": "completed", "flow": dict.fromkeys(RUNS.types, 5.5)}
    made = foreign({"replicas": [replica], "wall_seconds": 2.0, "overrides": ["a=2"]})
    row = runs_table(made.grouped, Path()).filter(run=1).row(0, named=True)
    told = (row["seed"], row["status"], row["wall_seconds"], row["decay_rate_start"])
    assert told == (0, "completed", 2.0, 5.5)


@pytest.mark.parametrize(
    "content",
    [
        '{"status": "completed", "wall_seconds": 1e999}',
        '{"status": "completed", "wall_seconds": ' + "9" * 5000 + "}",
        '{"status": "completed", "x": ' + "[" * 10**6,
        '{"status": "completed", "x": [' + "[]," * 2**21 + "[]]}",
        '{"status": "completed", "process": true}',
    ],
    ids=["infinite", "long", "deep", "many", "truth"],
)
def test_a_summary_beyond_all_bounds_is_refused(content, tmp_path):
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(ValueError, match=r"summary\.json"):
        read_summary(tmp_path)


def test_what_nobody_knows_is_left_out_and_what_is_null_is_empty(tmp_path):
    content = {"status": "failed", "_target_": "os.abort", "replicas": None, "theory": None}
    (tmp_path / "summary.json").write_text(json.dumps(content))
    summary = read_summary(tmp_path)
    assert summary == summary_of({"status": "failed"})
    assert (summary.replicas, summary.metrics, summary.theory) == ([], {}, None)


def test_a_page_and_figures_can_be_made_of_extremes(tmp_path):
    for number, size in enumerate((1e308, -1e308, 1e154, 1e149)):
        replicas = [
            {"seed": seed, "status": "completed", "test": {"accuracy": size * (1 - seed / 9)},
             "flow": {"decay_rate_start": size}}
            for seed in (0, 1, 2**63 - 1)
        ]  # fmt: skip
        write_run(tmp_path / f"{number}_x", [f"a={number}"], replicas=replicas)
    assert "a=1" in page(content(report_on(collect([tmp_path]), tmp_path, "it").comparison))


def test_a_confusion_has_a_count_for_each_pair_of_classes():
    confusion = {"part": "test", "classes": ["a", "b"], "counts": [[1, 2], [3]]}
    with pytest.raises(WrongFieldError, match=r"confusion\.counts"):
        summary_of({"status": "completed", "confusion": confusion})
    confusion["counts"][1].append(4)
    assert summary_of({"status": "completed", "confusion": confusion}).confusion.counts[1] == [3, 4]
