"""The examples run, and their networks are as sound as they say."""

import importlib

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize(
    "name", ["lenet_on_digits", "transformer_on_a_sequence", "lightning_module"]
)
def test_a_network_that_learns(name, tmp_path):
    said = importlib.import_module(f"examples.{name}").main(str(tmp_path / "run"))
    assert said.startswith("No finding: ")
    assert (tmp_path / "run" / "flow.png").exists()


def test_a_way_around_the_layers():
    said = importlib.import_module("examples.residual_mlp").main()
    assert said["chain"].startswith("Gradients vanish: ")
    assert said["residual"].startswith("No finding: ")
    assert said["residual, normalised"].startswith("No finding: ")
