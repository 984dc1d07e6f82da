"""Settings at fault, each on both sides of its closed form."""

import itertools
import math

import pytest
from torch import nn

from deltaflow.nn.initializers import He
from deltaflow.verdicts import judge
from deltaflow.verdicts.evidence import Constants
from deltaflow.verdicts.findings.settings import decay_pull
from evidence import BEST_CONSTANT, N_STEPS, evidence, found, kinds, sizes

NEGLIGIBLE = math.exp(-3)
LITTLE = (0.9, 0.7, 0.7)  # less than half of the best constant's loss is gone


def advised(judged):
    verdict, *_ = judge(judged)
    return verdict.kind, verdict.advice.overrides


@pytest.mark.parametrize(("share", "kind"), [(0.051, "unreachable"), (0.049, "healthy")])
@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
def test_an_output_may_keep_a_loss_from_a_twentieth_of_what_a_constant_has(share, kind, output):
    reach = Constants(BEST_CONSTANT, delta=0.5, delta_alone=0.5, floor=share)
    judged = evidence(constants=reach, output_activation=output)
    assert kinds(judged) == [kind]
    if kind == "unreachable":
        assert advised(judged)[1] == ("network.output_activation=null",)
        assert (
            "the loss cannot fall below 0.051, and the best constant output has 1."
            in found(judged)["unreachable"]
        )


def test_a_tanh_in_front_of_a_loss_with_a_link_is_no_second_softmax():
    reach = Constants(BEST_CONSTANT, delta=0.5, delta_alone=0.5, floor=0.4, has_link=True)
    assert kinds(evidence(constants=reach, output_activation="tanh")) == ["unreachable"]


@pytest.mark.parametrize(("inputs", "target", "named"), [
    (11.0, 1.0, ["inputs"]), (0.09, None, ["inputs"]), (1.0, 11.0, ["targets"]),
    (1.0, 0.09, ["targets"]), (1e-12, 1e12, ["inputs", "targets"]), (9.0, 0.11, []),
])  # fmt: skip
@pytest.mark.parametrize("at_fault", [True, False])
def test_sizes_beyond_a_factor_of_ten_are_named_where_little_is_explained(
    inputs, target, named, at_fault
):
    judged = evidence(
        inputs=inputs, target_second_moment=target, standardized=not at_fault, losses=LITTLE
    )
    if not (named and at_fault):
        assert kinds(judged) == ["partial"]
        return
    assert advised(judged) == ("unscaled", ("data.standardize=true",))
    words = found(judged)["unscaled"]
    assert [name for name in ("inputs", "targets") if f"{name} have mean(" in words] == named


def test_sizes_are_no_fault_of_a_network_that_explains_its_targets():
    assert kinds(evidence(inputs=99.0, standardized=False)) == ["healthy"]


def of_decay(pull: float, lr: float = 0.1, **but):
    """A decay that pulls so hard: λ‖W‖ / ‖G‖ over all layers, each with 1 for ‖G‖."""
    shape = sizes(6)
    square = sum(0.2**2 * n * m for n, m in itertools.pairwise(shape))
    decay = pull * math.sqrt(7) / math.sqrt(square)
    return evidence(shape, weight_grad_norm=1.0, weight_decay=decay, lr=lr, **but)


@pytest.mark.parametrize(("pull", "losses", "kind"), [
    (1.01, LITTLE, "weight_decay"), (0.99, LITTLE, "partial"), (1.01, (0.9, 0.1), "healthy"),
])  # fmt: skip
def test_decay_is_to_blame_where_it_pulls_harder_than_the_loss(pull, losses, kind):
    judged = of_decay(pull, losses=losses)
    assert decay_pull(judged) == pytest.approx(pull)
    assert kinds(judged) == [kind]
    if kind == "weight_decay":
        assert advised(judged)[1] == ("optimizer.weight_decay=0",)
        assert "pulls at the weights 1 times as hard" in found(judged)[kind]


@pytest.mark.parametrize(("exponent", "kind"), [(1.01, "weight_decay"), (0.99, "partial")])
def test_decay_needs_the_time_to_shorten_weights_by_e(exponent, kind):
    decay = of_decay(5.0).settings.weight_decay
    judged = of_decay(5.0, lr=exponent / decay / N_STEPS, losses=LITTLE)
    assert kinds(judged) == [kind]


@pytest.mark.parametrize("pull", [0.5, 2.0])
def test_decay_beside_the_gradient_is_measured_by_the_update_it_leaves(pull):
    lr, decay, n = 0.01, 20.0, 7
    without = lr * decay / pull  # of the weights' length, at right angles to them
    ratio = math.hypot(lr * decay, without)
    judged = evidence(
        sizes(n - 1), update_ratio=ratio, lr=lr, weight_decay=decay, decoupled_decay=True
    )
    assert decay_pull(judged) == pytest.approx(pull)


def test_decay_explains_that_training_diverged():
    judged = of_decay(5.0, diverged_at={0: 3, 1: 4})
    assert kinds(judged) == ["weight_decay"]


@pytest.mark.parametrize(("share", "length", "kind"), [
    (0.99 * NEGLIGIBLE, 9e-4, "clipping"),
    (1.01 * NEGLIGIBLE, 9e-4, "partial"),
    (1e-6, 1.1e-3, "partial"),
])  # fmt: skip
def test_clipping_is_to_blame_where_little_is_left_and_steps_are_short(share, length, kind):
    norm = math.sqrt(7 * (3.0**2 + 4.0**2))  # of weights and of biases, in seven layers
    judged = evidence(
        (32,) * 8,
        weight_grad_norm=3.0,
        bias_grad_rms=4.0 / math.sqrt(32),
        clip_norm=share * norm,
        update_ratio=length,
        losses=LITTLE,
    )
    assert kinds(judged) == [kind]
    if kind == "clipping":
        assert advised(judged)[1] == ("trainer.gradient_clip_norm=null",)
        assert f"its norm is {norm:.2g} at the start" in found(judged)[kind]


def test_clipping_is_no_fault_of_a_network_that_learns():
    judged = evidence(weight_grad_norm=3.0, bias_grad_rms=0.0, clip_norm=1e-6)
    assert kinds(judged) == ["healthy"]


@pytest.mark.parametrize(("dropout", "width", "kind"), [
    (0.95, 32, "dropout"), (0.5, 2, "dropout"), (0.5, 32, "dropout"), (0.5, 64, "partial"),
    (0.9, 400, "partial"), (0.2, 32, "partial"),
])  # fmt: skip
def test_dropout_is_to_blame_where_its_noise_is_more_than_a_twentieth(dropout, width, kind):
    judged = evidence((32, width, width, 3), nn.ReLU(), He(), dropout=dropout, losses=LITTLE)
    signal = (1 / (1 + dropout / (1 - dropout) / width)) ** 2
    assert (signal < 1 - NEGLIGIBLE) is (kind == "dropout")
    first, *_ = judge(judged)
    assert first.kind == kind
    if kind == "dropout":
        assert first.numbers["signal"] == pytest.approx(signal)
        assert advised(judged)[1] == ("network.dropout=0",)


def test_what_is_explained_without_the_noise_of_dropout_counts():
    some = {"losses": LITTLE, "shape": (32, 32, 3), "others": {"validation": (0.5, 0.3, 0.2)}}
    assert kinds(evidence(**some | {"others": None}, dropout=0.8)) == ["dropout"]
    assert kinds(evidence(**some, dropout=0.8)) == ["healthy"]
    assert kinds(evidence(**some, dropout=0.97)) == ["dropout"]  # 1 unit of 32: half is noise


@pytest.mark.parametrize(("shape", "layers"), [
    ((4, 32, 1, 32, 3), (2,)), ((4, 2, 2, 3), (1, 2)), ((2, 2, 1), (1,)), ((1, 1, 1), (1,)),
    ((1, 2, 1), ()), ((9, 3, 3), ()),
])  # fmt: skip
def test_one_or_two_units_are_too_few_where_inputs_or_outputs_are_more(shape, layers):
    judged = evidence(shape, nn.ReLU(), He(), losses=LITTLE, sizes_listed=True)
    first, *_ = judge(judged)
    assert (first.kind, first.layers) == (("bottleneck", layers) if layers else ("partial", ()))
    if layers:
        wide = ",".join(str(max(n, 32)) for n in shape[1:-1])
        assert first.advice.overrides == (f"network.hidden_sizes=[{wide}]",)
    assert kinds(evidence(shape, nn.ReLU(), He())) == ["healthy"]
    for left in (0.55, 0.45):  # of other rows, while those of the training part are learnt by heart
        judged = evidence(shape, nn.ReLU(), He(), others={"validation": (0.9, left)})
        assert kinds(judged) == ["bottleneck" if layers and left > 0.5 else "healthy"]
