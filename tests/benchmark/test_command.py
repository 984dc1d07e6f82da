import json
import math

import pytest
import torch
from torch import nn

import benchmark
from benchmark import live_page, phases, trainings
from benchmark.predictions import DIAGRAM, PREDICTION, predictions

TINY = ["--epochs=2", "--repeats=1", "--n-seeds=2", "--no-processes", "trainer.precision=64-true"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "new" / "figures.json"
    benchmark.main([*TINY, "network.width=8", "--output", str(path)])
    return json.loads(path.read_text())


@pytest.mark.slow
def test_every_training_is_measured_in_every_round(measured):
    assert len(measured["seconds"]) == 10
    assert all(len(values) == 1 and values[0] > 0 for values in measured["seconds"].values())
    assert measured["settings"]["overrides"] == [
        "trainer.precision=64-true", "network.width=8", "trainer.max_epochs=2",
    ]  # fmt: skip


@pytest.mark.slow
def test_all_trainings_reach_the_same_weights(measured):
    assert measured["same_work"]["epochs"] == 2
    differences = measured["same_work"]["largest_difference"]
    assert differences.keys() == measured["seconds"].keys() - {PREDICTION, DIAGRAM}
    assert max(differences.values()) < 1e-12


def test_ratios_are_of_the_seconds_of_one_round(measured):
    assert len(measured["comparisons"]) == 9
    for row in measured["comparisons"]:
        if row["reference"] is None:
            continue
        ratio = measured["seconds"][row["measured"]][0] / measured["seconds"][row["reference"]][0]
        assert row["median"] == row["lowest"] == row["highest"] == pytest.approx(ratio)


def test_predictions_are_timed_where_theory_says_something(measured):
    limits = {row["measured"]: row["limit"] for row in measured["comparisons"]}
    assert (limits["prediction, 50 layers"], limits["phase diagram"]) == (0.2, 5)
    assert predictions(["network.normalization=layer"]) == {}


def test_training_is_what_changes_the_weights():
    work = trainings.Work.of(["trainer.max_epochs=1"])
    _, (trained,) = trainings.train_by_loop(work, 1)
    start = work.network(0)
    assert not torch.equal(trained[0].weight, start[0].weight)


def test_other_work_is_refused():
    work = trainings.Work.of(["trainer.max_epochs=1"])

    def train(epochs_scale):
        network = nn.Linear(2, 1)
        nn.init.constant_(network.weight, epochs_scale)
        nn.init.zeros_(network.bias)
        return 1.0, [network]

    with pytest.raises(ValueError, match="must reach the same weights"):
        benchmark._same_work(work, {"other": lambda: train(2.0), "loop": lambda: train(1.0)})


def test_median_and_spread_are_of_ratios_within_rounds():
    seconds = {"train.py": [2.0, 40.0, 9.0], "train.py diagnostics=off": [1.0, 10.0, 3.0]}
    seconds["train.py n_seeds=2"] = [2.0, 40.0, 9.0]
    alone, diagnostics, stack = benchmark._compare(seconds, n_seeds=2)
    assert (alone["median"], alone["limit"], alone["reference"]) == (9, 20, None)
    assert [diagnostics[name] for name in ("lowest", "median", "highest")] == [2, 3, 4]
    assert stack["median"] == 1


def test_claims_are_judged_beside_the_median(capsys):
    seconds = {"train.py": [25.0], "train.py diagnostics=off": [25.0], "train.py n_seeds=2": [25.0]}
    results = {
        "comparisons": benchmark._compare(seconds, n_seeds=2),
        "seconds": seconds,
        "machine": {"cpus": 2},
        "settings": {"repeats": 1},
    }
    benchmark.show(results, markdown=True)
    cells = [line.replace(" ", "") for line in capsys.readouterr().out.splitlines()]
    assert "|train.py|25.00s|25.00to25.00|≤20s|no|" in cells
    assert "|train.py/train.pydiagnostics=off|1.00|1.00to1.00|≤1.2|yes|" in cells


@pytest.mark.usefixtures("quick_imports")
def test_a_whole_process_is_compared_with_a_script_that_does_the_same():
    work = trainings.Work.of(["n_seeds=2", "trainer.max_epochs=1"])
    clocks = benchmark._script(work, work)
    assert clocks.keys() == {"bare Lightning script"}
    assert clocks["bare Lightning script"]() > 0
    other = trainings.Work.of(["optimizer=adam"])
    assert benchmark._script(other, other) == {}
    seconds = {"train.py": [3.0], "bare Lightning script": [2.0]}
    found = {row["reference"]: row for row in benchmark._compare(seconds, n_seeds=2)}
    assert found["bare Lightning script"]["median"] == 1.5


def test_a_whole_process_is_timed_from_start_to_end():
    seconds = benchmark._process(["--cfg=job"])
    assert math.isfinite(seconds)
    assert seconds > 0


def test_a_process_that_fails_says_why():
    with pytest.raises(ValueError, match=r"Found `network\.nowhere`"):
        benchmark._process(["network.nowhere=1"])


def test_own_options_and_overrides_of_the_training_may_be_mixed():
    options = benchmark.parse(["--repeats", "3", "activation=tanh", "--epochs=7", "+a=b c"])
    assert (options.repeats, options.n_seeds, options.processes) == (3, 32, True)
    assert options.overrides == ["activation=tanh", "+a=b c", "trainer.max_epochs=7"]


@pytest.mark.parametrize(
    ("typed", "status", "found"),
    [
        ("--nowhere=1", 2, "unrecognized arguments: --nowhere=1"),
        ("--repeats=0", 2, "Found 0 and 32"),
        ("--repeats=many", 2, "'many'"),
        ("--n-seeds=1", 2, "Found 5 and 1"),
        ("nowhere=1", 1, "`nowhere`"),
        ("network.nowhere=1", 1, "`network.nowhere`"),
        ("activation=relu,tanh", 1, "activation=relu,tanh"),
        ("trainer.precision=bf16-mixed", 1, "bf16-mixed"),
        ("network.depth=-1", 1, "-1"),
    ],
)
def test_a_mistake_gets_one_message(typed, status, found, capsys):
    with pytest.raises(SystemExit) as ended:
        benchmark.main([typed])
    *usage, message = capsys.readouterr().err.splitlines()
    assert ended.value.code == status
    assert message.startswith("benchmark.py: error: " if status == 2 else "deltaflow: ")
    assert bool(usage) == (status == 2)
    assert found in message


def test_a_phase_within_another_stops_its_clock():
    now = 0.0
    timer = phases.PhaseTimer("imports", clock=lambda: now)

    def inner():
        nonlocal now
        now += 5

    def outer():
        nonlocal now
        now += 1
        timer.within("records", inner)()
        now += 2

    now += 10
    timer.within("training", outer)()
    timer.leave()
    assert timer.seconds == {"imports": 10, "training": 3, "records": 5}

    timer = phases.PhaseTimer("imports", clock=lambda: now)
    timer.within("report", outer)()
    assert timer.seconds["report"] == 8


@pytest.mark.slow
def test_the_live_page_is_measured(tmp_path, capsys):
    path = tmp_path / "live.json"
    tiny = ("data=moons", "network.depth=2", "trainer.max_epochs=2000")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(live_page, "WORK", tiny)
        patched.setattr(live_page, "SECONDS", 1.0)
        patched.setattr(live_page, "MOVES", 2)
        benchmark.main(["--live-page", "--repeats=1", "n_seeds=2", "--output", str(path)])
    found = json.loads(path.read_text())
    assert found["settings"]["overrides"] == [*tiny, "n_seeds=2"]
    (table,) = found["tables"]
    measured = {name: float(median) for name, median, *_ in table["rows"]}
    assert measured.keys() >= live_page.TARGETS.keys()
    assert all(value > 0 for value in measured.values())
    assert "from the command to a first picture" in capsys.readouterr().out


@pytest.mark.slow
def test_the_phases_of_a_sweep_are_told(tmp_path, capsys):
    path = tmp_path / "phases.json"
    tiny = ["n_seeds=2", "trainer.max_epochs=2", "activation=relu,tanh", "network.depth=1"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(phases, "SWEEP", tuple(tiny))
        benchmark.main(["--sweep", "--repeats=1", "optimizer.lr=0.01", "--output", str(path)])
    found = json.loads(path.read_text())
    assert found["settings"]["overrides"] == [*tiny, "optimizer.lr=0.01"]
    assert found["phases"].keys() == set(phases.PHASES)
    assert all(len(values) == 1 and values[0] > 0 for values in found["phases"].values())
    assert "the whole sweep" in capsys.readouterr().out
