"""A run that is trained in a stack leaves what it leaves alone."""

import json

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deltaflow import load_run
from deltaflow.config.composition.runs import compose_run
from deltaflow.experiment import compatibility
from deltaflow.experiment.compatibility import stack_key
from deltaflow.experiment.planning.plan import RunPlan
from deltaflow.experiment.run import run_alone, run_together
from running import assert_alike

SHARED = [
    "trainer.precision=64-true", "network.depth=3", "network.width=8", "n_seeds=2",
    "trainer.max_epochs=17", "logger=tensorboard", "diagnostics=full",
    "diagnostics.every_n_steps=25",
]  # fmt: skip
RUNS = [
    ["activation=relu", "loss.class_weight=[3,1,2]"],
    ["activation=tanh", "optimizer=adam", "optimizer.lr=0.01", "network.dropout=0.2",
     "data.label_noise=0.2", "loss.class_weight=balanced"],
    ["loss.class_weight=balanced", "optimizer=adam", "optimizer.lr=0.01", "scheduler=cosine"],
    ["activation=sigmoid", "loss=bce", "scheduler=step", "optimizer=rmsprop", "optimizer.lr=0.01"],
    ["activation=leaky", "loss=mse", "optimizer.lr=1e6"],
    ["activation=relu", "init=he", "trainer.gradient_clip_norm=0.1", "seed=7", "n_seeds=3"],
    ["activation=gelu", "optimizer=adamw", "optimizer.lr=0.01", "scheduler=onecycle"],
]  # fmt: skip
ROUNDING = 1e-10  # of a quantity after a hundred steps
DIVIDED = 1e-6  # the same, where an optimizer divides by what may be small


def plan(overrides, directory):
    config, choices = compose_run(overrides, directory)
    return RunPlan(config, directory, choices, overrides)


def scalars(directory):
    read = EventAccumulator(str(directory / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    return {tag: [e.step for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def files(directory):
    found = (path.relative_to(directory).as_posix() for path in directory.rglob("*"))
    return sorted(name for name in found if "tfevents" not in name)


@pytest.fixture(scope="module", params=[[], ["network.normalization=batch"]], ids=["", "norm"])
def both(request, tmp_path_factory):
    """Each run from the stack, and alone."""
    folder = tmp_path_factory.mktemp("runs")
    settings = [[*SHARED, *request.param, *own] for own in RUNS]
    plans = [plan(own, folder / f"stack_{n}") for n, own in enumerate(settings)]
    assert len({stack_key(one.config) for one in plans}) == 1
    together = run_together(plans)
    alone = [run_alone(plan(own, folder / f"alone_{n}")) for n, own in enumerate(settings)]
    return list(zip(together, alone, strict=True))


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_a_run_of_a_stack_leaves_what_it_leaves_alone(both, number):
    ours, alone = both[number]
    tolerance = DIVIDED if any("optimizer=" in own for own in RUNS[number]) else ROUNDING
    assert ours.summary["stack"] == [f"stack_{n}" for n in range(len(RUNS))]
    assert alone.summary["stack"] == []
    assert_alike(ours.layers, alone.layers, tolerance)
    assert_alike(ours.metrics, alone.metrics, tolerance)
    for name in ("status", "n_steps", "n_parameters", "hyperparameters"):
        assert ours.summary[name] == alone.summary[name], name
    said, expected = ([v["words"] for v in one.summary["verdicts"]] for one in (ours, alone))
    assert said == expected
    kept, expected = (load_run(one.directory).network.state_dict() for one in (ours, alone))
    for name, value in expected.items():
        torch.testing.assert_close(kept[name], value, rtol=tolerance, atol=1e-12, equal_nan=True)
    assert files(ours.directory) == files(alone.directory)
    assert scalars(ours.directory) == scalars(alone.directory)


def test_the_run_that_diverges_is_one_of_them(both):
    assert [one.summary["status"] for one, _ in both].count("diverged") == 1


class Raising(torch.nn.Module):
    """A φ of the user's own that works for a while."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, z):
        self.calls += z.requires_grad and z.ndim == 3 and z.shape[1] == 16
        if self.calls > 40:
            raise ArithmeticError("no more")
        return z.tanh()


def test_a_run_that_raises_fails_alone_and_leaves_its_neighbours_bit_for_bit(tmp_path, capsys):
    raising = f"activation._target_={__name__}.Raising"
    settings = [["activation=relu"], [raising], ["activation=sigmoid"]]
    plans = [plan([*SHARED, *own], tmp_path / str(n)) for n, own in enumerate(settings)]
    first, failed, last = run_together(plans)
    assert "no more" in str(failed)
    line, *others = capsys.readouterr().err.splitlines()
    assert line.startswith("deltaflow: 3 runs of one stack,")
    assert "are trained again in two halves, because of: ArithmeticError: no more" in line
    assert len(others) == 1  # the half of two
    kept = json.loads((tmp_path / "1" / "summary.json").read_text())
    assert (kept["status"], "no more" in kept["error"]) == ("failed", True)
    for ours, own in ((first, settings[0]), (last, settings[2])):
        alone = run_alone(plan([*SHARED, *own], tmp_path / f"alone_{ours.directory.name}"))
        assert ours.layers.equals(alone.layers, null_equal=True)
        assert ours.metrics.equals(alone.metrics, null_equal=True)


@pytest.mark.parametrize("own", [
    ["+callbacks.mine._target_=lightning.pytorch.callbacks.Timer"],
    ["trainer.profiler=simple"],
    ["optimizer._target_=torch.optim.LBFGS", "~optimizer.momentum"],
], ids=["callback", "profiler", "closure"])  # fmt: skip
def test_what_needs_a_trainer_of_its_own_shares_no_stack(own, tmp_path):
    assert stack_key(compose_run(own, tmp_path)[0]) is None


@pytest.mark.parametrize("own", [
    "network.depth=4", "data=wine", "data.batch_size=8", "trainer.max_epochs=3",
    "network.normalization=layer", "diagnostics.every_n_steps=7",
])  # fmt: skip
def test_runs_that_differ_in_what_a_stack_shares_are_apart(own, tmp_path):
    assert stack_key(compose_run([own], tmp_path)[0]) != stack_key(compose_run([], tmp_path)[0])


def test_an_optimizer_is_tried_once_whatever_its_step_size(tmp_path, monkeypatch):
    tried, trial = [], compatibility.shares_a_pass
    monkeypatch.setattr(
        compatibility, "shares_a_pass", lambda made: tried.append(made) or trial(made)
    )
    compatibility._shares_a_pass.cache_clear()
    shapes = {
        stack_key(compose_run([f"optimizer.lr={lr}"], tmp_path)[0]) for lr in (0.3, 1e-9, 1e3)
    }
    assert len(shapes) == 1
    assert None not in shapes
    assert len(tried) == 1
    stack_key(compose_run(["optimizer.lr=0.0"], tmp_path)[0])
    assert len(tried) == 2
