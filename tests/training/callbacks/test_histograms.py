"""Histograms in event files, read back, against NumPy's of the same weights and gradients."""

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deltaflow.experiment.building import trainer
from deltaflow.nn.initializers import Torch
from deltaflow.nn.network import FullyConnected
from deltaflow.training.callbacks.histograms import N_BINS, layer_histograms
from deltaflow.training.workers import Workers
from running import run

EVERY_7 = ["trainer.max_epochs=3", "diagnostics.histogram_every_n_steps=7"]


class Witness(Callback):
    """Keeps weights and gradients of every step, those of seeds that have not diverged."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, int], np.ndarray] = {}
        self.n_going: list[int] = []

    def on_after_backward(self, trainer, pl_module) -> None:
        going = ~pl_module.diverged
        self.n_going.append(int(going.sum()))
        for layer, linear in enumerate(pl_module.network.layers, start=1):
            for name, entries in (("weight", linear.weight), ("weight_grad", linear.weight.grad)):
                tag = f"{name}/layer_{layer:03d}"
                self.entries[tag, trainer.global_step] = entries.detach()[going].double().numpy()


@pytest.fixture
def witness(monkeypatch) -> Witness:
    watch = Witness()
    made = trainer.make_trainer

    def make_trainer(config, data, directory, callbacks, loggers, storage):
        return made(config, data, directory, [*callbacks, watch], loggers, storage)

    monkeypatch.setattr("deltaflow.experiment.run.make_trainer", make_trainer)
    return watch


def histograms_of(network, going):
    gradients = [linear.weight.grad for linear in network.layers]
    return layer_histograms(network, [[one] for one in gradients], going, Workers())


def histograms(directory) -> dict[tuple[str, int], object]:
    read = EventAccumulator(str(directory / "tensorboard"), size_guidance={"histograms": 0})
    return {
        (tag, event.step): event.histogram_value
        for tag in read.Reload().Tags()["histograms"]
        for event in read.Histograms(tag)
    }


def assert_histogram_of(values: np.ndarray, found) -> None:
    counts, edges = np.histogram(values, bins=N_BINS)
    drawn = zip(found.bucket_limit, found.bucket, strict=True)
    assert {limit: n for limit, n in drawn if n} == {
        limit: n for limit, n in zip(edges[1:], counts, strict=True) if n
    }
    assert (found.num, found.min, found.max) == (values.size, values.min(), values.max())


def test_counts_are_those_of_the_step_before_clipping(witness, tmp_path):
    clipped = "trainer.gradient_clip_norm=1e-3"
    run([*EVERY_7, "n_seeds=2", clipped], tmp_path)
    found = histograms(tmp_path)
    assert set(found) == {key for key in witness.entries if key[1] in {0, 7, 14, 17}}
    for key, histogram in found.items():
        assert_histogram_of(witness.entries[key], histogram)


def test_seeds_that_have_diverged_are_left_out_from_then_on(witness, tmp_path):
    settings = ["seed=10", "n_seeds=4", "loss=mse", "optimizer.lr=3", "trainer.max_epochs=3"]
    run([*settings, "diagnostics.histogram_every_n_steps=1"], tmp_path)
    assert set(witness.n_going) == {4, 3, 2, 1}, "the step size no longer splits the seeds"
    for key, histogram in histograms(tmp_path).items():
        values = witness.entries[key]
        assert_histogram_of(values[np.isfinite(values)], histogram)


def test_the_last_step_is_there_when_training_ends_early(tmp_path):
    stop = ["+callbacks.stop._target_=lightning.pytorch.callbacks.EarlyStopping",
            "+callbacks.stop.monitor=loss/validation", "+callbacks.stop.patience=1",
            "+callbacks.stop.stopping_threshold=10"]  # fmt: skip
    steps = run([*EVERY_7, *stop], tmp_path).summary["n_steps"]
    assert steps == 6
    assert {step for _, step in histograms(tmp_path)} == {0, 5}


def test_entries_that_are_not_finite_are_not_counted():
    network = FullyConnected([2, 3, 1], torch.nn.ReLU(), n_replicas=2)
    network.initialize(Torch(), seeds=[0, 1])
    with torch.no_grad():
        network.layers[0].weight[0] = torch.inf
        network.layers[1].weight.fill_(torch.nan)
    first, *others = histograms_of(network, torch.ones(2, dtype=torch.bool)).value
    assert not others, "no gradient and no finite weight leave nothing to draw"
    assert (first.tag, first.histo.num) == ("weight/layer_001", 6)


@pytest.mark.parametrize("value", [0.0, -3.5, 5e-324, 1e38])
def test_equal_entries_have_a_histogram(value):
    network = FullyConnected([2, 1], torch.nn.ReLU(), n_replicas=1, dtype=torch.float64)
    torch.nn.init.constant_(network.layers[0].weight, value)
    (found,) = histograms_of(network, torch.ones(1, dtype=torch.bool)).value
    assert (found.histo.num, sum(found.histo.bucket)) == (2, 2)
    assert (found.histo.min, found.histo.max) == (value, value)


def test_neighbouring_numbers_have_a_histogram():
    """So near to each other that no bin fits between them."""
    network = FullyConnected([2, 1], torch.nn.ReLU(), n_replicas=1, dtype=torch.float64)
    with torch.no_grad():
        network.layers[0].weight[:] = torch.tensor([1.0, np.nextafter(1.0, 2.0)])
    (found,) = histograms_of(network, torch.ones(1, dtype=torch.bool)).value
    assert sum(found.histo.bucket) == 2


@pytest.mark.parametrize(
    "settings", [["diagnostics=off"], ["diagnostics.histogram_every_n_steps=null"]]
)
def test_none_are_drawn_where_none_are_wanted(settings, tmp_path):
    run(["trainer.max_epochs=1", *settings], tmp_path)
    assert not histograms(tmp_path)


@pytest.mark.parametrize("value", ["0", "-7"])
def test_a_cadence_below_one_is_refused(value, tmp_path):
    rule = rf"`diagnostics.histogram_every_n_steps` must be at least 1, or null. Found {value}"
    with pytest.raises(ValueError, match=rule):
        run([f"diagnostics.histogram_every_n_steps={value}"], tmp_path)
