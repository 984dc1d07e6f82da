import polars
import pytest
import torch
from polars.testing import assert_frame_equal

from running import run

SEED, R = 5, 3
SETTINGS = [
    "data=iris", "data.batch_size=24", "trainer.max_epochs=25", "trainer.precision=64-true",
    "network.hidden_sizes=[9,7]", "logger=none",
]  # fmt: skip
TOLERANCES = {"sgd": 1e-12, "adam": 1e-6}
each_replica = pytest.mark.parametrize("r", range(R))


def stack_and_lone_run(overrides, r, directory):
    stack = run([*SETTINGS, *overrides, f"seed={SEED}", f"n_seeds={R}"], directory / "stack")
    alone = run([*SETTINGS, *overrides, f"seed={SEED + r}"], directory / "alone")
    return stack, alone


@pytest.mark.parametrize(
    ("activation", "optimizer"),
    [("sigmoid", "sgd"), ("tanh", "adam"), ("relu", "sgd"), ("leaky", "adam")],
)
def test_a_replica_ends_where_the_lone_run_does(activation, optimizer, tmp_path):
    overrides = [f"activation={activation}", f"optimizer={optimizer}", "diagnostics=off"]
    r = 2
    stack, alone = stack_and_lone_run(overrides, r, tmp_path)
    found = stack.network.replica(r).parameters()
    for ours, theirs in zip(found, alone.network.replica(0).parameters(), strict=True):
        assert (ours - theirs).norm() <= TOLERANCES[optimizer] * theirs.norm()


@pytest.mark.parametrize("normalization", ["null", "layer", "batch"])
def test_dropout_and_normalisation_stay_within_a_replica(normalization, tmp_path):
    block = [f"network.normalization={normalization}", "network.dropout=0.4"]
    r = 1
    stack, alone = stack_and_lone_run([*block, "diagnostics=off"], r, tmp_path)
    found, expected = stack.network.replica(r), alone.network.replica(0)
    for name, theirs in expected.state_dict().items():
        ours = found.state_dict()[name]
        assert (ours - theirs).double().norm() <= 1e-12 * theirs.double().norm()
    kept = polars.col("seed") == SEED + r
    assert_frame_equal(stack.metrics.filter(kept), alone.metrics, rel_tol=1e-9, check_exact=False)


@pytest.mark.slow
@each_replica
def test_a_replica_leaves_the_records_of_the_lone_run(r, tmp_path):
    stack, alone = stack_and_lone_run(["activation=tanh"], r, tmp_path)
    of_replica = polars.col("seed") == SEED + r
    for table in ("metrics", "layers"):
        expected = getattr(alone, table)
        assert len(expected) > 0
        found = getattr(stack, table).filter(of_replica)
        assert_frame_equal(found, expected, check_exact=False, rel_tol=1e-9, abs_tol=1e-12)
    found = stack.summary["replicas"][r]
    (expected,) = alone.summary["replicas"]
    for moment in ("final", "best", "test", "flow"):
        assert found[moment] == pytest.approx(expected[moment], rel=1e-9)
    assert (found["seed"], found["best_epoch"]) == (SEED + r, expected["best_epoch"])


def test_replicas_are_different_networks(tmp_path):
    overrides = [*SETTINGS, f"seed={SEED}", f"n_seeds={R}", "diagnostics=off"]
    weight = run(overrides, tmp_path).network.layers[0].weight
    assert not any(torch.equal(weight[r], weight[(r + 1) % R]) for r in range(R))
