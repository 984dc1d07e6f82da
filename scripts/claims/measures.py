"""What is measured for each claim of ``claims.yaml``: numbers by seed, by condition."""

from claims import convolution
from claims.networks import attenuation, exaggeration, imbalance, of_hidden_layers, off_everywhere
from claims.runs import (
    BySeed,
    Numbers,
    Runs,
    at_both_ends,
    compared,
    decades,
    each,
    label,
    minus,
    number,
    of_units,
    over,
    per_split,
    seconds,
    together,
    where,
)

_ACCURACY, _LOSS = number("test", "accuracy"), number("test", "loss")
_DEPTH, _WIDTH, _SHUFFLE = "network.depth", "network.width", "data.shuffle_seed"
_SECOND = "network.output_activation"

# A to D: what depth does to δ and to the updates.
_LAG, _CHANGE = decades("update_ratio"), decades("delta_norm", absolute=True)
lag_of_updates = each(_LAG, _DEPTH)


def growth_of_lag(runs: Runs) -> Numbers:
    """How much the lag of the first layer's updates grows for each layer that is added."""
    depths = runs.among(_DEPTH)
    lags = [_LAG(runs.of({_DEPTH: depth})) for depth in depths]
    return {
        (f"from {fewer:g} to {more:g} hidden layers",): {
            seed: value / (more - fewer) for seed, value in minus(deep, shallow).items()
        }
        for fewer, more, shallow, deep in zip(depths, depths[1:], lags, lags[1:], strict=False)
    }


decay_rates_compared = at_both_ends(
    lambda at: compared(
        number("flow", f"decay_rate_{at}"),
        "activation", "tanh", "sigmoid", by=("init.sigma_w", _DEPTH), how=over,
    )
)  # fmt: skip
vanishing_index = at_both_ends(
    lambda at: each(number("flow", f"vanishing_index_{at}"), "init", _DEPTH)
)


def _more(own: BySeed, other: BySeed) -> BySeed:
    return minus(other, own)


def _nearer_with_best_init(runs: Runs) -> Numbers:
    relu = _CHANGE(runs.of({"activation": "relu", "init": "he"}))
    return {
        ("init=he, the other init=xavier", f"against {name}"): minus(
            _CHANGE(runs.of({"activation": name, "init": "xavier"})), relu
        )
        for name in ("sigmoid", "tanh")
    }


nearer_with_relu = together(
    compared(_CHANGE, "activation", "relu", "sigmoid", "tanh", by=("init",), how=_more),
    _nearer_with_best_init,
)

# E to H: ReLU's zeros, its dead units, and leaky ReLU.
_per_noise = ("data.label_noise",)
share_of_zeros = where(
    {"activation": "relu"}, each(per_split(of_units("inactive_fraction")), *_per_noise)
)
gain_over_leaky, gain_over_softplus = (
    compared(per_split(_ACCURACY), "activation", "relu", other, by=_per_noise)
    for other in ("leaky", "softplus")
)


def _died(runs: Runs) -> BySeed:
    return minus(of_units("dead_fraction", "end")(runs), of_units("dead_fraction", "start")(runs))


def _went_off(runs: Runs) -> BySeed:
    return minus(*(of_hidden_layers(off_everywhere, at)(runs) for at in ("end", "start")))


_per_step = ("optimizer", "optimizer.lr")
died = each(_died, "optimizer.lr")
went_off_with_relu, went_off_with_leaky = (
    where({"activation": name}, each(_went_off, *_per_step)) for name in ("relu", "leaky")
)
fewer_went_off = compared(_went_off, "activation", "relu", "leaky", by=_per_step)
lost_by_slope = compared(_ACCURACY, "activation.negative_slope", 0.01)

# I, L and P: softmax and sigmoid on the output.
attenuated = at_both_ends(lambda at: where({_SECOND: None}, each(attenuation(at), "data")))
delta_of_others = compared(
    number("flow", "loss_gain_end", log=True), _SECOND, None, "softmax", by=("data",)
)
output_compared = where(
    {"activation": "relu"}, compared(_ACCURACY, "loss", "bce", "mse", by=(_DEPTH,))
)
hidden_compared = where(
    {"loss": "bce"},
    compared(_ACCURACY, "activation", "sigmoid", "tanh", "relu", by=(_DEPTH,), how=_more),
)


def exaggerated(runs: Runs) -> Numbers:
    """How much softmax exaggerates, by data, training and temperature."""
    return {
        (*condition, f"temperature {temperature}"): exaggeration(temperature)(own)
        for condition, own in runs.grid("data", "trainer.max_epochs")
        for temperature in (1, 10)
    }


# J and K: what an activation and a precision cost.
cost_of_tanh = compared(seconds, "activation", "tanh", "relu", by=(_WIDTH,), how=over)
_PRECISIONS = (("64-true", "32-true"), ("32-true", "bf16-mixed"))
cost_of_precision, gain_by_precision = (
    together(*(compared(of, "trainer.precision", *pair, how=how) for pair in _PRECISIONS))
    for of, how in ((seconds, over), (_ACCURACY, minus))
)

# M to O: what centring, connecting everything and depth are good for.
imbalance_compared = at_both_ends(
    lambda at: compared(
        of_hidden_layers(imbalance, at),
        "activation", "tanh", "sigmoid", "relu", by=(_DEPTH,), how=over,
    )
)  # fmt: skip
lost_by_shuffling = compared(_ACCURACY, _SHUFFLE, None, by=(_WIDTH,))


def _convolutions(runs: Runs, order: int | None) -> BySeed:
    narrow = runs.of({_WIDTH: runs.among(_WIDTH)[0], _SHUFFLE: order})
    return convolution.accuracies(narrow.runs[0].directory)


def lost_by_shuffling_convolutions(runs: Runs) -> Numbers:
    """The accuracy that convolutional networks lose by another order of pixels."""
    order = next(order for order in runs.among(_SHUFFLE) if order is not None)
    lost = minus(_convolutions(runs, None), _convolutions(runs, order))
    return {label({_SHUFFLE: order}): lost}


def gain_by_convolution(runs: Runs) -> Numbers:
    """The accuracy that convolutional networks have more, with how many weights."""
    own, mine = _convolutions(runs, None), convolution.n_parameters()
    return {
        (f"{mine} weights against {one.runs[0].record.n_parameters}",): minus(own, _ACCURACY(one))
        for _, one in runs.of({_SHUFFLE: None}).grid(_WIDTH)
    }


gain_by_linear_depth, gain_by_tanh_depth = (
    where({"activation": name}, compared(_LOSS, _DEPTH, 0)) for name in ("identity", "tanh")
)
