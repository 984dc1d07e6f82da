import json
import math

import pytest
import torch
from torch import nn

import benchmark
from benchmark import Settings, contestants, phases
from benchmark.predictions import DIAGRAM, PREDICTION, predictions

TINY = ["epochs=2", "repeats=1", "n_seeds=2", "processes=false", "trainer.precision=64-true"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    path = tmp_path_factory.mktemp("benchmark") / "new" / "figures.json"
    benchmark.main([*TINY, "network.width=8", f"output='{path}'"])
    return json.loads(path.read_text())


@pytest.mark.slow
def test_every_contestant_is_measured_in_every_round(measured):
    assert len(measured["seconds"]) == 10
    assert all(len(values) == 1 and values[0] > 0 for values in measured["seconds"].values())
    assert measured["settings"]["overrides"] == [
        "trainer.precision=64-true", "network.width=8", "trainer.max_epochs=2",
    ]  # fmt: skip


@pytest.mark.slow
def test_all_contestants_reach_the_same_weights(measured):
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
    work = contestants.Work.of(["trainer.max_epochs=1"])
    _, (trained,) = contestants.train_by_loop(work, 1)
    start = work.network(0)
    assert not torch.equal(trained[0].weight, start[0].weight)


def test_other_work_is_refused():
    work = contestants.Work.of(["trainer.max_epochs=1"])

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


def test_a_whole_process_is_timed_from_start_to_end():
    seconds = benchmark._process(["--cfg=job"])
    assert math.isfinite(seconds)
    assert seconds > 0


def test_a_process_that_fails_says_why():
    with pytest.raises(ValueError, match=r"Found `network\.nowhere`"):
        benchmark._process(["network.nowhere=1"])


def test_own_settings_and_those_of_the_training_are_told_apart():
    settings, overrides = benchmark.parse(["repeats=3", "activation=tanh", "epochs=7", "+a='b c'"])
    assert settings == Settings(repeats=3, epochs=7)
    assert overrides == ["activation=tanh", "+a='b c'", "trainer.max_epochs=7"]


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        ("nowhere=1", "`nowhere`"),
        ("network.nowhere=1", "`network.nowhere`"),
        ("repeats=0", "0"),
        ("repeats=many", "many"),
        ("n_seeds=1", "1"),
        ("format=html", "html"),
        ("activation=relu,tanh", "`activation=relu,tanh`"),
        ("trainer.precision=bf16-mixed", "bf16-mixed"),
        ("network.depth=-1", "-1"),
    ],
)
def test_a_wrong_setting_gives_one_message(argument, found, capsys):
    with pytest.raises(SystemExit) as ended:
        benchmark.main([argument])
    message = capsys.readouterr().err
    assert ended.value.code == 1
    assert message.startswith("deltaflow: ")
    assert len(message.splitlines()) == 1
    assert f"Found {found}" in message or found in message


def test_help_says_what_can_be_set(capsys):
    benchmark.main(["--help"])
    said = capsys.readouterr().out
    assert all(f"{name}=" in said for name in Settings.__dataclass_fields__)


def test_a_phase_within_another_stops_its_clock():
    now = 0.0
    split = phases.Split("imports", clock=lambda: now)

    def inner():
        nonlocal now
        now += 5

    def outer():
        nonlocal now
        now += 1
        split.within("records", inner)()
        now += 2

    now += 10
    split.within("training", outer)()
    split.leave()
    assert split.seconds == {"imports": 10, "training": 3, "records": 5}

    split = phases.Split("imports", clock=lambda: now)
    split.within("report", outer)()
    assert split.seconds["report"] == 8


@pytest.mark.slow
def test_the_phases_of_a_sweep_are_told(tmp_path, capsys):
    path = tmp_path / "phases.json"
    tiny = ["n_seeds=2", "trainer.max_epochs=2", "activation=relu,tanh", "network.depth=1"]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(phases, "SWEEP", tuple(tiny))
        benchmark.main(["sweep=true", "repeats=1", "optimizer.lr=0.01", f"output='{path}'"])
    found = json.loads(path.read_text())
    assert found["settings"]["overrides"] == [*tiny, "optimizer.lr=0.01"]
    assert found["phases"].keys() == set(phases.PHASES)
    assert all(len(values) == 1 and values[0] > 0 for values in found["phases"].values())
    assert "the whole sweep" in capsys.readouterr().out
