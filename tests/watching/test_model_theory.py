"""What theory says of a watched model, and that asking it changes nothing."""

import numpy as np
import pytest
import torch
from torch import nn
from watched import trained
from watching_accuracy.architectures import LeNet, Residual, chain
from watching_accuracy.unseen_architectures import Gated

from deltaflow import check, watch
from deltaflow.theory import propagate, trace


def residual():
    return nn.Sequential(nn.Linear(2, 64), *[Residual(64) for _ in range(4)], nn.Linear(64, 2))


class Wrapped(nn.Module):
    """A model around the one with the layers, which counts and draws as it is called."""

    def __init__(self):
        super().__init__()
        self.body, self.calls, self.seen = residual(), 0, []

    def forward(self, x):
        self.calls += 1
        self.seen.append(type(x))
        return self.body(x) + 0 * torch.rand(())


@pytest.mark.parametrize("make", [lambda: chain([2, 64, 64, 2]), residual, Wrapped])
def test_the_first_step_is_predicted_from_the_weights_as_they_are(make, tmp_path):
    model, x = make(), torch.randn(32, 2)
    expected = propagate(trace(getattr(model, "body", model), x))
    run = trained(model, tmp_path / "run", (x, (x[:, 0] > 0).long()), n_steps=12, batch_size=32)
    first = run.layers.filter(step=0)
    assert first["predicted_delta_norm"].null_count() == 1
    found = first["predicted_delta_norm"][:-1].to_numpy()
    norm = expected.delta_norm[:-1] / expected.delta_norm[-2]
    # Other rows of the same distribution are in the batch.
    np.testing.assert_allclose(found / first["delta_norm"][-2], norm, rtol=0.1)
    assert run.layers.filter(step=8)["predicted_delta_norm"].null_count() == len(first)
    theory = run.record.theory
    assert theory.nothing is None
    assert theory.theory_error < 0.15
    assert theory.decay_rate == pytest.approx(run.record.flow["decay_rate_start"].mean, rel=0.1)
    assert "(theory ×" in run.record.verdicts[0].words


class Complex(nn.Module):
    """A layer of complex numbers, whose sizes go into one of real numbers."""

    def __init__(self):
        super().__init__()
        self.waves, self.head = nn.Linear(2, 4, dtype=torch.cfloat), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.waves(x.to(torch.cfloat)).abs())


@pytest.mark.parametrize(
    ("model", "x", "words"),
    [(LeNet(), torch.randn(16, 1, 8, 8), "Conv2d"), (Gated(), torch.randn(16, 2), "mul"),
     (Complex(), torch.randn(16, 2), "complex weights of `waves`")],
)  # fmt: skip
def test_where_there_is_no_theory_the_summary_says_why(model, x, words, tmp_path):
    run = trained(model, tmp_path / "run", (x, torch.randint(0, 2, (16,))), n_steps=1)
    assert words in run.record.theory.nothing
    assert run.record.theory.decay_rate is None
    assert run.layers["predicted_delta_norm"].null_count() == len(run.layers)


def test_asking_theory_runs_no_code_of_the_model_itself(tmp_path):
    model = Wrapped()
    drawn = torch.get_rng_state()
    with watch(model, tmp_path / "run") as flow:
        assert (model.calls, model.seen) == (0, [])
        assert torch.equal(torch.get_rng_state(), drawn)
        model(torch.randn(8, 2)).sum().backward()
        flow.step()
    assert (model.calls, model.seen) == (1, [torch.Tensor])


def test_a_check_has_it_too():
    found = check(
        residual(), (torch.randn(16, 2), torch.randint(0, 2, (16,))), nn.CrossEntropyLoss()
    )
    assert found.layers["predicted_delta_norm"].null_count() == 1


def test_most_steps_of_a_long_training_are_not_measured(tmp_path):
    model = chain([2, 8, 2])
    with watch(model, tmp_path / "run", n_steps=15) as flow:
        for step in range(15):
            hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())
            assert bool(hooks) == (step in {*range(9), 10, 12, 14})
            model(torch.randn(8, 2)).sum().backward()
            flow.step()
    assert sorted(flow.run.layers["step"].unique()) == [*range(9), 10, 12, 14]
