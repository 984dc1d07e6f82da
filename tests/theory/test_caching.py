"""What is cached_by_key is what would be found again."""

import numpy as np
import pytest
from torch import nn

from deltaflow.nn.initializers import He, Initializer, Normal, Xavier
from deltaflow.theory import Theory, network

SIZES = (4, 16, 16, 3)
FED = np.array([0.5, 1.0, 2.0])


@pytest.fixture
def asked(monkeypatch):
    """How often theory works out a profile."""
    calls, predict = [], network.predict
    monkeypatch.setattr(network, "predict", lambda *a: calls.append(a) or predict(*a))
    return calls


def test_an_equal_network_is_not_worked_out_again(asked):
    fed = np.array([0.123, 4.56])  # of this test alone
    found = [Theory(SIZES, nn.ReLU(), He()).predict(fed.copy()) for _ in range(3)]
    assert len(asked) == 1
    for name, value in vars(found[0]).items():
        assert all(np.array_equal(value, getattr(other, name)) for other in found[1:])


@pytest.mark.parametrize(
    "other",
    [
        Theory((4, 16, 17, 3), nn.ReLU(), He()),
        Theory(SIZES, nn.LeakyReLU(0.1), He()),
        Theory(SIZES, nn.LeakyReLU(0.2), He()),
        Theory(SIZES, nn.ReLU(), He(0.1)),
        Theory(SIZES, nn.ReLU(), Xavier()),
        Theory(SIZES, nn.ReLU(), Normal(1.0, 0.1)),
        Theory(SIZES, nn.ReLU(), He(), dropout=0.2),
        Theory(SIZES, nn.ReLU(), He(), normalization="layer"),
        Theory(SIZES, nn.ReLU(), He(), normalization="batch", batch=np.eye(3)),
        Theory(SIZES, nn.ReLU(), He(), normalization="batch", batch=2 * np.eye(3)),
    ],
    ids=lambda theory: repr(theory.key),
)
def test_another_network_is_another(other):
    first = Theory(SIZES, nn.ReLU(), He())
    assert other.key != first.key
    assert hash(other.key) is not None


def test_other_inputs_are_asked_for_anew(asked):
    theory = Theory(SIZES, nn.Tanh(), Xavier(), dropout=0.11)
    for fed in (FED, 2 * FED, FED[None], FED):
        theory.predict(fed)
    assert len(asked) == 3


def test_what_is_done_to_an_answer_leaves_the_next_alone():
    theory = Theory(SIZES, nn.Tanh(), Xavier())
    expected = theory.predict(FED).delta_norm.copy()
    theory.predict(FED).delta_norm[:] = 7
    theory.finite_width(np.eye(3)).deviation[:] = 7
    assert np.array_equal(theory.predict(FED).delta_norm, expected)
    assert not (theory.finite_width(np.eye(3)).deviation == 7).any()


class Growing(Initializer):
    """A start of the user's own that is another each time."""

    times = 0

    def weight_variance(self, fan_in, fan_out):
        self.times += 1
        return self.times / fan_in


class Own(nn.Module):
    def forward(self, z):
        return z.tanh()


def test_parts_of_the_user_s_own_are_asked_each_time(asked):
    assert Theory(SIZES, Own(), He()).key is None
    theory = Theory(SIZES, nn.Tanh(), Growing())
    first, second = (theory.predict(FED).preactivation_second_moment for _ in range(2))
    assert len(asked) == 2
    assert not np.allclose(first, second)
