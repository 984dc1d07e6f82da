"""A replica that stops early, or whose step size follows its loss, equals a single run."""

import polars as pl
import pytest
import torch

from deltaflow.experiment.building.assembly import callbacks
from deltaflow.training.early_stopping import Patience, Waiting
from running import assert_alike, composed, run, run_all

SETTINGS = [
    "trainer.precision=64-true", "network.width=6", "data.batch_size=45", "logger=none",
    "trainer.max_epochs=24", "diagnostics.every_n_steps=7",
    "diagnostics.histogram_every_n_steps=null",
]  # fmt: skip
STOPPING = ["trainer.early_stopping.patience=3", "trainer.early_stopping.min_delta=0.02"]
KINDS = {
    "plain": STOPPING,
    "by a metric": ["trainer.early_stopping.patience=3", "trainer.early_stopping.metric=accuracy"],
    "batch norm": [*STOPPING, "network.normalization=batch", "network.dropout=0.2"],
    "plateau": ["scheduler=plateau", "scheduler.patience=1", "scheduler.factor=0.3",
                "optimizer.lr=0.2"],
}  # fmt: skip
R = 3
TOLERANCE = 1e-6  # of what rounding has become after a hundred steps


@pytest.fixture(scope="module", params=KINDS)
def runs(request, tmp_path_factory):
    folder, kind = tmp_path_factory.mktemp("runs"), [*SETTINGS, *KINDS[request.param]]
    alone = [run([*kind, f"seed={seed}"], folder / f"alone_{seed}") for seed in range(R)]
    return request.param, run([*kind, f"n_seeds={R}"], folder / "together"), alone


def test_each_replica_leaves_what_the_lone_run_of_its_seed_leaves(runs):
    kind, together, alone = runs
    replicas = together.summary["replicas"]
    for seed, lone in enumerate(alone):
        (expected,) = lone.summary["replicas"]
        for table in ("layers", "metrics"):
            own = getattr(together, table).filter(pl.col("seed") == seed)
            assert_alike(own, getattr(lone, table), TOLERANCE)
        assert replicas[seed]["stopped_at_step"] == expected["stopped_at_step"]
        for part in ("final", "best", "test", "flow"):
            found = {
                name: value for name, value in replicas[seed][part].items() if value is not None
            }
            known = {name: value for name, value in expected[part].items() if value is not None}
            assert found == pytest.approx(known, rel=TOLERANCE)
        ours, theirs = together.network.replica(seed), lone.network.replica(0)
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value, rtol=TOLERANCE, atol=1e-10)
    stops = [replica["stopped_at_step"] for replica in replicas]
    if kind == "plateau":
        assert stops == [None] * R
    else:
        assert len(set(stops)) > 1  # or nothing is shown
        last = together.layers.group_by("seed").agg(pl.col("step").max() + 1).sort("seed")
        assert [stop or together.summary["n_steps"] for stop in stops] == last["step"].to_list()
    assert together.summary["n_steps"] == max(one.summary["n_steps"] for one in alone)


def test_runs_of_a_stack_stop_as_they_do_alone(tmp_path):
    settings = [
        [*SETTINGS, *STOPPING, "activation=tanh", "n_seeds=2", "scheduler=plateau"],
        [*SETTINGS, *STOPPING, "activation=relu", "optimizer.lr=1e6", "loss=mse"],  # diverges
        [*SETTINGS, *STOPPING, "activation=relu", "seed=3", "n_seeds=2"],
    ]  # fmt: skip
    together = run_all(settings, tmp_path)
    for number, (own, ours) in enumerate(zip(settings, together, strict=True)):
        assert len(ours.summary["stack"]) == 3
        alone = run(own, tmp_path / f"alone_{number}")
        assert_alike(ours.layers, alone.layers, TOLERANCE)
        assert_alike(ours.metrics, alone.metrics, TOLERANCE)
        for name in ("status", "n_steps"):
            assert ours.summary[name] == alone.summary[name]
        stops = [
            [replica["stopped_at_step"] for replica in one.summary["replicas"]]
            for one in (ours, alone)
        ]
        assert stops[0] == stops[1]


@pytest.mark.parametrize(("metric", "values", "stops"), [
    ("loss", [3.0, 2.0, 2.5, 2.1, 1.0], [False, False, False, True, False]),
    ("accuracy", [0.5, 0.6, 0.6, 0.6, 0.7], [False, False, False, True, False]),
    ("loss", [3.0, 2.9, 2.9, 2.86, 2.7], [False, False, True, True, False]),
    ("loss", [float("nan")] * 3 + [1.0, 1.0], [False, True, True, False, False]),
])  # fmt: skip
def test_patience_is_counted_in_epochs_without_a_better_value(metric, values, stops):
    waiting = Waiting(Patience(2, metric, min_delta=0.15 if values[1] == 2.9 else 0.0), 1)
    assert [bool(waiting.update(torch.tensor([value]))) for value in values] == stops


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.split=[0.8,0,0.2]"], "watches the validation part. Found none"),
        (["trainer.early_stopping.metric=r2"], "must be one of loss, accuracy, macro_f1. Found r2"),
    ],
)
def test_what_cannot_be_watched_is_refused(overrides, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        run([*SETTINGS, *STOPPING, *overrides], tmp_path)


def test_lightnings_own_early_stopping_is_for_one_network(tmp_path):
    own = ["+callbacks.x._target_=lightning.pytorch.callbacks.EarlyStopping",
           "+callbacks.x.monitor=loss/validation"]  # fmt: skip
    with pytest.raises(ValueError, match=r"Use `trainer\.early_stopping\.patience=10`"):
        callbacks(composed([*own, "n_seeds=2"], tmp_path))
    assert len(callbacks(composed(own, tmp_path))) == 1
