"""A preset that is small enough to be written out in ten lines."""

import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn

from deltaflow.experiment.building import assembly
from running import composed, run

PRESET = ["experiment=iris_linear_mse", "logger=none", "trainer.precision=64-true"]


def losses_of_ten_lines(model):
    bunch = load_iris()
    x = torch.tensor(bunch.data[:5])
    y = torch.tensor(bunch.target[:5], dtype=torch.float64).reshape(5, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    losses = []
    for _ in range(10):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_a_linear_layer_on_five_flowers_has_the_loss_curve_of_ten_lines(tmp_path):
    config = composed(PRESET, tmp_path)
    start = assembly.module(config, assembly.datamodule(config)).network.replica(0)
    expected = losses_of_ten_lines(start)

    result = run(PRESET, tmp_path)
    found = result.metrics.filter(split="train").sort("epoch")["loss"].to_list()
    assert found == pytest.approx(expected, rel=1e-12)
    assert found[-1] < found[0]
    end = result.network.replica(0)[0]
    assert torch.allclose(end.weight, start[0].weight, rtol=1e-12)
    assert torch.allclose(end.bias, start[0].bias, rtol=1e-12)
