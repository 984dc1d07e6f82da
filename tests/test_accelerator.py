"""The same training on a graphics card, where there is one."""

import pytest
import torch

from running import run

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

SETTINGS = ["logger=none", "trainer.max_epochs=5", "trainer.precision=64-true", "n_seeds=3"]


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "leaky"])
def test_a_graphics_card_trains_the_same_networks(activation, tmp_path):
    settings = [*SETTINGS, f"activation={activation}"]
    cpu = run([*settings, "accelerator=cpu"], tmp_path / "cpu")
    gpu = run([*settings, "accelerator=gpu"], tmp_path / "gpu")
    assert gpu.summary["device"].startswith("cuda")
    for ours, theirs in zip(cpu.network.parameters(), gpu.network.parameters(), strict=True):
        assert torch.allclose(ours, theirs.cpu(), rtol=1e-9, atol=1e-12)
    for name in ("delta_norm", "sample_grad_rms", "update_ratio"):
        difference = cpu.layers[name] - gpu.layers[name]
        assert (difference.abs() <= 1e-9 * cpu.layers[name].abs()).all()


def test_auto_takes_the_graphics_card(tmp_path):
    result = run([*SETTINGS, "accelerator=auto"], tmp_path)
    assert result.summary["device"].startswith("cuda")


def test_a_replica_is_the_lone_run_there_too(tmp_path):
    stack = run([*SETTINGS, "accelerator=gpu", "seed=4"], tmp_path / "stack")
    lone = run([*SETTINGS, "accelerator=gpu", "seed=5", "n_seeds=1"], tmp_path / "lone")
    for stacked, single in zip(stack.network.parameters(), lone.network.parameters(), strict=True):
        assert torch.allclose(stacked[1], single[0], rtol=1e-10, atol=1e-13)
