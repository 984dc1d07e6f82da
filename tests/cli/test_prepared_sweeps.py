"""Every prepared sweep runs as it stands, and begins as its comment says.

Sweeps are found by glob; a new one needs its lesson below.
"""

import json
import math

import polars as pl
import pytest
from omegaconf import OmegaConf

from deltaflow.records import LAYERS, read_table
from running import CONF, options

pytestmark = pytest.mark.slow

FEW_STEPS = ["logger=none", "trainer.max_epochs=1"]


class Run:
    def __init__(self, path):
        self.summary = json.loads(path.read_text())
        self.layers = read_table(path.parent, LAYERS)

    def flow(self, name: str, of: str = "mean"):
        return self.summary["flow"][f"{name}_start"][of]


def sweep_of(deltaflow, name: str, *more: str) -> dict[tuple[str, ...], Run]:
    """The runs by what sets them apart, as typed."""
    outcome = deltaflow(f"experiment=sweeps/{name}", *more)
    assert outcome.status == 0, outcome.err
    assert "Ranking" in outcome.out
    runs = [Run(path) for path in outcome.summaries]
    shared = {f"experiment=sweeps/{name}", *more}
    return {tuple(o for o in run.summary["overrides"] if o not in shared): run for run in runs}


@pytest.mark.filterwarnings("ignore:.*diverged")
@pytest.mark.parametrize("name", options("experiment/sweeps"))
def test_a_prepared_sweep_begins_as_its_comment_says(name, deltaflow):
    file = CONF / "experiment" / "sweeps" / f"{name}.yaml"
    first, *comments = file.read_text().splitlines()
    assert first == "# @package _global_"
    assert any("Watch" in line or "Compare" in line for line in comments if line[0] == "#")
    params = OmegaConf.load(file).hydra.sweeper.params
    combinations = math.prod(len(str(values).split(",")) for values in params.values())

    runs = sweep_of(deltaflow, name, *FEW_STEPS)
    assert len(runs) == combinations
    assert {run.summary["status"] for run in runs.values()} == {"completed"}
    LESSONS[name]({key[0] if len(key) == 1 else key: run for key, run in runs.items()})


def test_a_prepared_sweep_takes_other_values_and_more_of_them(deltaflow):
    more = ["loss=ce", "seed=0,1", "n_seeds=2", "network.depth=1"]
    runs = sweep_of(deltaflow, "losses", *more, *FEW_STEPS)
    assert sorted(runs) == [("seed=0",), ("seed=1",)]


def sigmoid_loses_most(runs):
    lost = {key: run.flow("vanishing_index") for key, run in runs.items()}
    assert max(lost, key=lost.__getitem__) == "activation=sigmoid"
    assert 4.5 < lost["activation=sigmoid"] < 5.5


def he_keeps_delta(runs):
    rates = {
        key: run.summary["flow"].get("decay_rate_start", {}).get("mean")
        for key, run in runs.items()
    }
    assert rates["init=he"] == pytest.approx(1, abs=0.1)
    for name in ("xavier", "lecun"):
        assert rates[f"init={name}"] == pytest.approx(2**-0.5, abs=0.07)
    assert rates["init=zeros"] is None


def decades_add_up(runs):
    depths = (1, 2, 5, 10, 20, 40)
    lost = [runs[f"network.depth={depth}"].flow("vanishing_index") for depth in depths]
    assert lost == sorted(lost)
    assert lost[-1] == pytest.approx(4 * lost[-3], rel=0.1)
    rates = [runs[f"network.depth={depth}"].flow("decay_rate") for depth in depths[2:]]
    assert max(rates) - min(rates) < 0.06


def a_loss_scales_all_layers_alike(runs):
    gains = [run.flow("loss_gain") for run in runs.values()]
    assert max(gains) > 1.3 * min(gains)
    low = max(run.flow("vanishing_index", "low") for run in runs.values())
    high = min(run.flow("vanishing_index", "high") for run in runs.values())
    assert low < high


def each_has_an_initialisation_of_its_own(runs):
    lost = {key: run.flow("vanishing_index") for key, run in runs.items()}
    assert abs(lost["activation=relu", "init=he"]) < 0.3
    assert abs(lost["activation=tanh", "init=xavier"]) < 0.5
    assert min(lost[key] for key in lost if key[0] == "activation=sigmoid") > 4


def theory_is_of_wide_layers(runs):
    widths = (4, 16, 64, 256)
    wide = [runs[f"network.width={width}"] for width in widths]
    intervals = [
        run.flow("vanishing_index", "high") - run.flow("vanishing_index", "low") for run in wide
    ]
    assert intervals == sorted(intervals, reverse=True)
    errors = [run.summary["theory"]["theory_error"] for run in wide]
    assert errors[-1] < 0.5 * errors[0]


def large_steps_kill(runs):
    def dead(rate: str) -> float:
        hidden = runs[f"optimizer.lr={rate}"].layers.filter(pl.col("layer") == 2)
        last = hidden.filter(pl.col("step") == hidden["step"].max())
        return last["dead_fraction"].fill_nan(None).mean()

    assert dead("3") > dead("0.001") + 0.2


LESSONS = {
    "activation_x_init": each_has_an_initialisation_of_its_own,
    "activations": sigmoid_loses_most,
    "depths": decades_add_up,
    "initialisations": he_keeps_delta,
    "learning_rates": large_steps_kill,
    "losses": a_loss_scales_all_layers_alike,
    "widths": theory_is_of_wide_layers,
}
