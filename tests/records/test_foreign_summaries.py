"""Summaries from anybody: each costs its own run, and no other."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deltaflow.comparison.collection import collect
from deltaflow.comparison.phase_points import phase_points
from deltaflow.comparison.runs_table import runs_table, write_runs
from deltaflow.page.html import page
from deltaflow.records import SUMMARY_FIELDS, read_summary, summary_of
from deltaflow.records.fields import STATUSES
from deltaflow.sweep.report import report_on
from deltaflow.terminal.ranking import describe_run, print_ranking
from deltaflow.terminal.screen import console
from written import write_run

MANY = settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NUMBERS = st.one_of(
    st.integers(-5, 5),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.sampled_from([1e154, 1e308, -1e308, 5e-324, 2**63 - 1, 2**63, 2**64]),
)
TEXTS = st.one_of(
    st.text(st.characters(), max_size=8),
    st.sampled_from([*STATUSES, "ce", "\ud800", "\x1b[31m", "1e999", "9" * 500, "seed", "run"]),
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FINITE = st.one_of(
    st.none(), st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**300), 10**300)
)
NAMES = st.sampled_from(["accuracy", "loss", "r2", "decay_rate_start", "vanishing_index_end"])
INTERVALS = st.dictionaries(
    NAMES,
    st.fixed_dictionaries({"mean": FINITE, "low": FINITE, "high": FINITE, "n": st.integers(0, 9)}),
    max_size=3,
)
REPLICAS = st.lists(
    st.fixed_dictionaries(
        {"seed": st.integers(0, 2**63 - 1), "status": st.sampled_from(STATUSES[:2])},
        optional={
            "diverged_at_step": st.integers(0, 2**63 - 1),
            **{part: st.dictionaries(NAMES, FINITE) for part in ("final", "test", "flow")},
        },
    ),
    max_size=3,
    unique_by=lambda replica: replica["seed"],
)
PLAUSIBLE = {
    "status": st.sampled_from(STATUSES),
    "overrides": st.lists(st.builds("{}={}".format, TEXTS, TEXTS), max_size=4),
    "choices": st.dictionaries(TEXTS, TEXTS, max_size=3),
    "hyperparameters": st.dictionaries(TEXTS, FINITE | TEXTS, max_size=3),
    "replicas": REPLICAS,
    "metrics": st.dictionaries(st.sampled_from(["final", "test"]), INTERVALS),
    "flow": INTERVALS,
    "theory": st.fixed_dictionaries(
        {"activation": st.just("ReLU()"), "dropout": st.just(0.0)},
        optional={"weight_variance": FINITE, "bias_variance": FINITE, "decay_rate": FINITE,
                  "theory_error": FINITE},
    ),
    "command": st.lists(TEXTS, max_size=3),
    "wall_seconds": FINITE,
}  # fmt: skip


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
    with_numbers = json.dumps(made.digest, allow_nan=False)
    write_runs(runs_table(made.grouped, sweep), sweep)
    print_ranking(console(), made.digest)
    for run in runs:
        assert "\x1b" not in describe_run(run.summary)
    phase_points([str(sweep)], "ReLU()", 0.0)
    assert "\x1b" not in capsys.readouterr().out
    statuses = {run["label"]: run["status"] for run in json.loads(with_numbers)["runs"]}
    assert "completed" in {status for label, status in statuses.items() if "a=1" in label}
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
@MANY
@given(st.dictionaries(st.sampled_from(sorted(SUMMARY_FIELDS)), ANYTHING, max_size=3))
def test_anything_in_a_field_costs_its_own_run(foreign, fields):
    foreign(fields)


@pytest.mark.slow
@MANY
@given(st.fixed_dictionaries({}, optional=PLAUSIBLE), st.text(max_size=20))
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
    assert any(reason in str(run["reason"]) for run in made.digest["runs"])
    assert any("1_y/summary.json" in str(run["reason"]) or "1_y out" in str(run["reason"])
               for run in made.digest["runs"])  # fmt: skip


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
    assert "a=1" in page(report_on(collect([tmp_path]), tmp_path, "it").digest)
