"""Claims A to D: what depth does to δ and to the updates, by activation."""

from collections.abc import Iterator, Mapping

from claims.claim import Bound, Claim, Condition, Measure
from claims.evidence import Evidence, decades, label, paired, ratio
from deltaflow.comparison.configuration import Configuration, Value
from deltaflow.comparison.statistics.paired_tests import BySeed

MOMENTS = ("start", "end")
_VANISHED = 1.3  # decades: δ keeps e⁻³ of itself, as docs/verdicts.md has it
_DEEP = ("init", "network.depth")


def lag_of_updates(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By depth, how far the first hidden layer's updates are behind the last one's."""
    return {
        label({"network.depth": depth}): decades(
            evidence.of({"network.depth": depth}), "update_ratio"
        )
        for depth in evidence.among("network.depth")
    }


def growth_of_lag(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By how much that changes for each layer that is added, from the shallowest to the deepest."""
    depths = [float(depth) for depth in evidence.among("network.depth") if depth is not None]
    shallow, deep = min(depths), max(depths)
    lags = [decades(evidence.of({"network.depth": d}), "update_ratio") for d in (shallow, deep)]
    longer = paired(lags[1], lags[0])
    condition = f"from {shallow:g} to {deep:g} hidden layers"
    return {(condition,): {seed: value / (deep - shallow) for seed, value in longer.items()}}


def rates_compared(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By weights, depth and moment, the decay rate of tanh over that of sigmoid."""
    return {
        label(settings, f"at the {moment}"): ratio(
            *(
                evidence.of({**settings, "activation": name}).values("flow", f"decay_rate_{moment}")
                for name in ("tanh", "sigmoid")
            )
        )
        for settings in _settings(evidence, ("init.sigma_w", "network.depth"))
        for moment in MOMENTS
    }


def lost_by_tanh(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """By initialisation, depth and moment, the vanishing index."""
    return {
        label(settings, f"at the {moment}"): evidence.of(settings).values(
            "flow", f"vanishing_index_{moment}"
        )
        for settings in _settings(evidence, _DEEP)
        for moment in MOMENTS
    }


def nearer_with_relu(evidence: Evidence) -> Mapping[Condition, BySeed]:
    """Against each other activation, by how much nearer to itself ReLU keeps δ."""
    found = {}
    for init in evidence.among("init"):
        relu = _distance(evidence.of({"init": init, "activation": "relu"}))
        for other in ("sigmoid", "tanh"):
            one = evidence.of({"init": init, "activation": other})
            found[label({"init": init}, f"against {other}")] = paired(_distance(one), relu)
    best = _distance(evidence.of({"init": "he", "activation": "relu"}))
    for other in ("sigmoid", "tanh"):
        one = evidence.of({"init": "xavier", "activation": other})
        found["init=he, the other init=xavier", f"against {other}"] = paired(_distance(one), best)
    return found


def _distance(one: Configuration) -> dict[int, float]:
    """How many decades δ changes on its way back, either way, over all of the training."""
    return decades(one, "delta_norm", absolute=True)


def _settings(evidence: Evidence, names: tuple[str, str]) -> Iterator[Mapping[str, Value]]:
    for first in evidence.among(names[0]):
        for second in evidence.among(names[1]):
            yield {names[0]: first, names[1]: second}


CLAIMS = (
    Claim(
        "A",
        "sigmoid_slows_early_layers",
        "With sigmoid, the layers near the input are updated very slowly, and the more so the "
        "deeper the network is.",
        (
            Measure(
                "how far the update ratio ‖ΔW‖/‖W‖ of the first hidden layer is below that of the "
                "last one, mean over the recorded steps",
                "decades",
                Bound(low=1),
                "Very slow is less than a tenth of the speed of the last hidden layer.",
                lag_of_updates,
            ),
            Measure(
                "growth of this number for each hidden layer that is added",
                "decades per layer",
                Bound(low=0),
                "The more so the deeper: it grows with the depth.",
                growth_of_lag,
                is_premise=True,
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=10", "network.depth=2,4,8"),
    ),
    Claim(
        "B",
        "tanh_vanishes_less_than_sigmoid",
        "The slope of tanh is larger than that of sigmoid, four times at 0, so with tanh gradients "
        "vanish less.",
        (
            Measure(
                "the decay rate of δ per hidden layer with tanh over that with sigmoid",
                "×",
                Bound(low=1),
                "To vanish less is to keep more of δ from layer to layer.",
                rates_compared,
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=3", "init.sigma_w=0.577,4"),
        remark="Both networks of a pair start from the same weights. A large factor is not always "
        "an advantage: with weights of width 4, tanh does not vanish but explodes.",
    ),
    Claim(
        "C",
        "tanh_vanishes_in_deep_networks",
        "In deep networks gradients vanish with tanh too.",
        (
            Measure(
                "the vanishing index: decades of δ lost from the last hidden layer to the first",
                "decades",
                Bound(low=_VANISHED),
                "Vanished is what keeps less than e⁻³ of itself, 1.3 decades, the limit of the "
                "verdict `vanishing` (docs/verdicts.md).",
                lost_by_tanh,
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=3", "network.depth=10,40"),
    ),
    Claim(
        "D",
        "relu_passes_gradients_in_deep_networks",
        "ReLU passes gradients better through deep networks, because its slope is 1 where it is "
        "on.",
        (
            Measure(
                "by how many decades δ of the first hidden layer is nearer to that of the last "
                "one, above it or below, with ReLU than with the other activation, mean over the "
                "recorded steps",
                "decades",
                Bound(low=0),
                "Better is nearer to what it was: neither lost nor blown up.",
                nearer_with_relu,
            ),
        ),
        quick=("n_seeds=10", "trainer.max_epochs=3"),
        remark="Twenty hidden layers. ReLU is on for half of its inputs only, so its mean square "
        "slope is 1/2, and it is the initialisation that has to make up for that.",
    ),
)
