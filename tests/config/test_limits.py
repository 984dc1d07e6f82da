"""The table of limits: what each setting can be, and what it cannot, without composing again."""

import math

import pytest
from omegaconf import OmegaConf

from deltaflow.config import limits
from running import composed

NAN, INF = math.nan, math.inf
NO_COUNT = [0, -1]
NO_RATE = [0, -1, INF, NAN, "fast", "0.1", True, [0.1]]
NO_SHARE = [-0.1, 7, INF, NAN, "some", True]
NEGATIVE = [-1, INF, NAN, "x", True]

# by key: what it can be, and what it cannot, of the types that its schema lets through
VALUES = {
    "seed": ([0, 5, 2**62 - 1], [-3, 2**62]),
    "n_seeds": ([1, 100], NO_COUNT),
    "network.depth": ([0, 1, 1000], [-1, 1001]),
    "network.width": ([1], NO_COUNT),
    "network.hidden_sizes": ([None, [], [8, 1]], [[8, 0], [-1], [1] * 1001]),
    "network.normalization": ([None, "layer", "batch"], ["group", ""]),
    "network.dropout": ([0.0, 0.99], [1.0, -0.1, NAN]),
    "trainer.max_epochs": ([1], NO_COUNT),
    "trainer.max_batches": ([None, 1], NO_COUNT),
    "trainer.precision": (["32-true", "64-true", "bf16-mixed"], ["8", "32", "16-mixed"]),
    "trainer.gradient_clip_norm": ([None, 0.5], [0.0, -1.0, INF, NAN]),
    "trainer.early_stopping.patience": ([None, 1], NO_COUNT),
    "trainer.early_stopping.min_delta": ([0, 0.1], NEGATIVE[:3]),
    "trainer.threads": ([None, 1, 1024], [0, 2000]),
    "trainer.profiler": ([None, "simple", "advanced"], ["deep"]),
    "sweep.max_networks": ([None, 1, 1000], NO_COUNT),
    "sweep.direction": ([None, "minimize", "maximize"], ["up", ""]),
    "trainer.checkpoint_every": ([None, 0, 0.5, 60], [-1, NAN]),
    "diagnostics.every_n_steps": ([None, 1], NO_COUNT),
    "diagnostics.histogram_every_n_steps": ([None, 1], NO_COUNT),
    "diagnostics.probe_rows": ([1], NO_COUNT),
    "diagnostics.flush_seconds": ([0.0, INF], [-1.0, NAN]),
    "optimizer.lr": ([1e-9, 3], [*NO_RATE, None]),
    "optimizer.momentum": ([None, 0, 1], [*NO_SHARE, 1e30]),
    "optimizer.dampening": ([None, 0.5], NO_SHARE),
    "optimizer.alpha": ([0.99], NO_SHARE),
    "optimizer.weight_decay": ([None, 0, 3.5], NEGATIVE),
    "scheduler.factor": ([0, 1], NO_SHARE),
    "scheduler.pct_start": ([0.3], NO_SHARE),
    "scheduler.gamma": ([0, 2], NEGATIVE),
    "scheduler.eta_min": ([0], NEGATIVE),
    "scheduler.total_iters": ([0, 7], NEGATIVE),
    "scheduler.max_lr": ([None, 0.1], NO_RATE),
    "scheduler.total_steps": ([None, 1], NO_COUNT),
    "scheduler.T_max": ([1], [*NO_COUNT, None]),
    "scheduler.step_size": ([1], [*NO_COUNT, None]),
    "data.batch_size": ([None, 1, 10**6], ["big", 1.5, True]),
    "data.split": ([[1, 0, 0], [0.6, 0.2, 0.2]], [["most", 0, 0], [NAN, 0.5, 0.5], None, 1]),
    "data.split_seed": ([0, 2**32 - 1], ["x", 2**32, -1, None, 0.5]),
    "data.split_seeds": ([None, [0], [2, 2**32 - 1]], [[], [1, 1], [-1], [2**32], [0.5], 3, "x"]),
    "data.folds": ([None, 2, 100], [1, 0, -3, 2.5, "x", True]),
    "data.standardize": ([True, False], ["maybe", None, 1]),
    "data.train_rows": ([None, 1], [0, 1.5, "x"]),
    "data.label_noise": ([0, 1.0], [1.5, -0.1, NAN, "x", None]),
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return composed([], tmp_path_factory.mktemp("usual"))


def test_every_limit_is_tested():
    assert set(VALUES) == {limit.key for limit in limits.LIMITS}


@pytest.mark.parametrize("key", VALUES)
def test_a_setting_is_held_to_its_limits(key, usual):
    possible, impossible = VALUES[key]
    for value in possible:
        limits.check(changed(usual, key, value))
    for value in impossible:
        with pytest.raises(ValueError, match=rf"^`{key}` must .*\. Found .*\. Use `{key}=") as said:
            limits.check(changed(usual, key, value))
        (advised,) = [limit.use for limit in limits.LIMITS if str(said.value).count(limit.rule)
                      and limit.key == key]  # fmt: skip
        advised = OmegaConf.to_container(OmegaConf.create(f"a: {advised}"))["a"]
        limits.check(changed(usual, key, advised))


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, int("9" * 400)])
def test_no_whole_number_has_more_than_64_bits(value, usual):
    with pytest.raises(ValueError, match=r"^`data.split\.1` must be a number of at most 64 bits"):
        limits.check(changed(usual, "data.split", [0, value, 0]))
    limits.check(changed(usual, "data.batch_size", 2**63 - 1))


@pytest.mark.parametrize(("name", "said"), [
    ("foo", "`foo`. See --cfg job."), ("trainer.max_epoch", "Did you mean `trainer.max_epochs`?"),
])  # fmt: skip
def test_what_nothing_reads_is_refused(name, said, usual):
    with pytest.raises(ValueError, match="one that a run reads") as refused:
        limits.check(changed(usual, name, 1))
    assert said in str(refused.value)


@pytest.mark.parametrize("name", ["seed", "diagnostics.every_n_steps"])
def test_what_is_missing_is_told(name, usual):
    with pytest.raises(ValueError, match=rf"^`{name}` must have a value. Found none."):
        limits.check(changed(usual, name, "???"))


def changed(config, key, value):
    other = config.copy()
    OmegaConf.update(other, key, value, force_add=True)
    return other
