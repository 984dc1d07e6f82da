"""Trained networks in use, against plain PyTorch with scikit-learn's preprocessing."""

import numpy as np
import polars as pl
import pytest
import torch

from deltaflow import load_run
from deltaflow.experiment.prediction.ensemble import Ensemble
from deltaflow.nn.head import Head
from running import run


def test_predictions_are_those_of_plain_networks(case):
    name, trained, frame, inputs, targets = case
    x = torch.from_numpy(inputs).float()
    outputs = torch.stack([trained.network.replica(r)(x) for r in range(3)]).detach().double()
    found = trained.predict(frame.select(reversed(frame.columns)))
    if name == "diabetes":
        expected = (outputs * targets.std() + targets.mean()).squeeze(-1).numpy()
        np.testing.assert_allclose(found["progression"], expected.mean(0), rtol=1e-6)
        np.testing.assert_allclose(found["progression_spread"], expected.std(0, ddof=1), rtol=1e-4)
        return
    probabilities = outputs.softmax(-1).numpy()
    names = [column for column in found.columns if column.startswith("probability_")]
    np.testing.assert_allclose(found.select(names), probabilities.mean(0), atol=1e-6)
    chosen = probabilities.mean(0).argmax(-1)
    assert found["class"].to_list() == [names[k].removeprefix("probability_") for k in chosen]
    agreement = (probabilities.argmax(-1) == chosen).mean(0)
    np.testing.assert_allclose(found["agreement"], agreement)
    own = probabilities.std(0, ddof=1)[np.arange(len(chosen)), chosen]
    np.testing.assert_allclose(found["spread"], own, atol=1e-6)


def test_a_run_in_memory_predicts_as_its_file_does(tmp_path):
    made = run(
        ["loss=bce", "data=moons", "n_seeds=3", "trainer.max_epochs=1", "logger=none"],
        tmp_path / "run",
    )
    rows = {"x1": [0.5, -1.0], "x2": [0.0, 2.0]}
    found = made.predict(rows)
    assert found.equals(load_run(tmp_path / "run").predict(rows))
    assert (found["probability_0"] + found["probability_1"]).to_list() == pytest.approx([1, 1])


def test_networks_that_have_diverged_are_not_asked(case):
    _, trained, frame, *_ = case
    kept = trained.kept
    two = Ensemble(kept.network, kept.preprocessings, kept.head, [0, 2])
    assert len(two.networks) == 2
    assert not two.predict(frame).equals(trained.predict(frame))
    with pytest.raises(ValueError, match="Found that all 3 have"):
        Ensemble(kept.network, kept.preprocessings, kept.head, [])


def test_a_lone_network_has_no_spread(case):
    _, trained, frame, *_ = case
    kept = trained.kept
    found = Ensemble(kept.network, kept.preprocessings, kept.head, [1]).predict(frame)
    assert found.select(pl.selectors.ends_with("spread")).null_count().row(0) == (len(frame),)


def test_one_against_the_rest_adds_up_to_one():
    values = Head(3, "sigmoid", None).values(torch.tensor([[0.0, 0.0, 0.0], [5.0, -5.0, 1.0]]))
    torch.testing.assert_close(values.sum(-1), torch.ones(2))
    torch.testing.assert_close(values[0], torch.full((3,), 1 / 3))


def test_a_threshold_holds_for_the_mean():
    head = Head(2, "sigmoid", 0.2)
    assert head.choose(torch.tensor([[0.85, 0.15], [0.7, 0.3]])).tolist() == [0, 1]
