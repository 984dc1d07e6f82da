"""What is said of a run in all: one line if it is sound, else causes before their effects."""

import itertools
import json
import math

import pytest
from torch import nn

from deltaflow.nn.initializers import He, Normal, Zeros
from deltaflow.records import LAYERS
from deltaflow.verdicts import judge, recorded
from deltaflow.verdicts.evidence import Constants
from evidence import by_step, evidence, found, kinds, losing, sizes

CLIPPED = nn.Hardtanh()
CHAOS = {"phi": nn.Tanh(), "initializer": Normal(4.0, 0.3)}
MEASURED = [
    "delta_norm", "delta_rms", "sample_grad_rms", "update_ratio", "weight_rms",
    "saturated_fraction", "inactive_fraction", "dead_fraction",
]  # fmt: skip
FAULTS = {
    "symmetric": {"copies": {1: 1, 2: 1}},
    "chaotic": CHAOS | {"delta_norm": losing(-2.0, 6), "sample_grad_rms": losing(-2.0, 6)},
    "exploding": {"delta_norm": losing(-2.0, 6), "sample_grad_rms": losing(-2.0, 6)},
    "saturation": {"saturated_fraction": 0.9},
    "inactive": {"inactive_fraction": 1.0},
    "dead": {"dead_fraction": 1.0},
    "dying": {"dead_fraction": by_step(start=0.5, end=1.0)},
    "hidden_vanishing": {"delta_norm": losing(2.0, 6)},
    "vanishing": {"delta_norm": losing(2.0, 6), "sample_grad_rms": losing(2.0, 6)},
    "doubled": {
        "constants": Constants(1.0, delta=0.2, delta_alone=0.5, floor=0.55, has_link=True),
        "output_activation": "softmax",
    },
    "divergence": {"diverged_at": {0: 17}, "n_seeds": 3},
    "violent": {"update_ratio": 2.0},
    "stalled": {"update_ratio": 1e-6, "losses": (1.0, 1.0, 1.0)},
    "plateau": {"losses": (1.0, 1.0, 1.0)},
}
NO_FLOW = ["hidden_vanishing", "vanishing", "stalled"]
EXPLAINED = [  # cause, effect
    *itertools.product(["symmetric"], ["inactive", "dead", *NO_FLOW]),
    *itertools.product(["saturation"], ["inactive", *NO_FLOW]),
    *itertools.product(["inactive"], ["dead", *NO_FLOW]),
    *itertools.product(["dead"], NO_FLOW),
    *itertools.product(["chaotic", "exploding"], ["saturation", "divergence", "violent", "dying"]),
    ("doubled", "stalled"),
    ("hidden_vanishing", "stalled"),
    ("vanishing", "stalled"),
    ("dying", "stalled"),
]
BESIDE = [  # two faults of their own, in their order
    ("symmetric", "exploding"),
    ("symmetric", "divergence"),
    ("symmetric", "doubled"),
    ("chaotic", "doubled"),
    ("exploding", "doubled"),
    ("saturation", "doubled"),
    ("saturation", "violent"),
    ("inactive", "doubled"),
    ("inactive", "violent"),
    ("dead", "divergence"),
    ("hidden_vanishing", "doubled"),
    ("vanishing", "doubled"),
    ("vanishing", "divergence"),
    ("doubled", "dying"),
    ("doubled", "divergence"),
    ("dying", "divergence"),
    ("dying", "violent"),
    ("divergence", "violent"),
    ("divergence", "stalled"),
]


def named(fault: str) -> str:
    return {"dying": "dead"}.get(fault, fault)


@pytest.mark.parametrize("but", [
    {}, {"n_seeds": 1}, {"shape": sizes(0)}, {"shape": sizes(1)}, {"shape": sizes(2, 1)},
    {"phi": nn.ReLU(), "initializer": He(), "inactive_fraction": 0.5, "dead_fraction": 0.5},
    {"normalization": "layer"}, {"normalization": "batch", "sample_grad_rms": None},
    {"saturated_fraction": 0.1}, {"dropout": 0.2},
])  # fmt: skip
def test_a_sound_run_gets_one_line(but):
    words = found(evidence(**but))
    assert list(words) == ["healthy"]
    assert words["healthy"].startswith("Healthy: δ ")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_gets_its_own_name(fault):
    assert kinds(evidence(**FAULTS[fault])) == [named(fault)]


@pytest.mark.parametrize(("cause", "effect"), EXPLAINED)
def test_effects_that_a_cause_explains_are_left_out(cause, effect):
    assert kinds(evidence(**FAULTS[cause], **FAULTS[effect])) == [named(cause)]


@pytest.mark.parametrize(("first", "second"), BESIDE)
def test_faults_of_their_own_are_all_told_the_more_important_first(first, second):
    assert kinds(evidence(**FAULTS[first], **FAULTS[second])) == [named(first), named(second)]


def test_a_plateau_is_told_only_where_nothing_else_is():
    for fault in FAULTS.keys() - {"plateau"}:
        assert "plateau" not in kinds(evidence(**FAULTS["plateau"] | FAULTS[fault]))


def test_that_most_seeds_diverged_comes_before_what_became_of_units():
    dying = {"dead_fraction": lambda seed, step, _: 1.0 if step and seed == 0 else 0.5}
    few, most = {1: 9}, {1: 9, 2: 7}
    assert kinds(evidence(n_seeds=3, diverged_at=few, **dying)) == ["dead", "divergence"]
    assert kinds(evidence(n_seeds=3, diverged_at=most, **dying)) == ["divergence", "dead"]


def test_a_kind_is_told_once():
    words = found(evidence(dead_fraction=1.0))  # at the start, and so at the end
    assert list(words) == ["dead"]
    assert words["dead"].startswith("Units are dead: 100% of hidden layer 1")


@pytest.mark.parametrize("fault", FAULTS)
def test_without_a_flow_only_what_needs_none_is_found(fault):
    needs_none = fault in ("symmetric", "doubled", "divergence")
    assert kinds(evidence(**FAULTS[fault], recorded=False)) == ([fault] if needs_none else [])


@pytest.mark.parametrize("depth", [1, 6, 60])
def test_without_a_flow_theory_alone_makes_no_verdict(depth):
    assert not kinds(evidence(sizes(depth), **CHAOS, recorded=False))


def test_where_all_seeds_diverged_their_start_is_judged_all_the_same():
    lost = {"diverged_at": {0: 3, 1: 5}, "losses": (math.nan,)}
    assert kinds(evidence(**lost)) == ["divergence"]
    assert kinds(evidence(**lost, **FAULTS["exploding"])) == ["exploding"]
    assert kinds(evidence(**lost, **FAULTS["vanishing"])) == ["divergence", "vanishing"]


@pytest.mark.parametrize("depth", [0, 1, 6])
@pytest.mark.parametrize("column", MEASURED)
@pytest.mark.parametrize("value", [0.0, math.nan, 1e30])
def test_whatever_was_measured_words_hold_no_broken_numbers(column, value, depth):
    judged = evidence(sizes(depth), CLIPPED, **{column: value})
    for words in found(judged).values():
        assert not {"nan", "inf", "nan%", "None"} & set(words.replace(",", " ").split())


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("phi", [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Identity()])
@pytest.mark.parametrize("initializer", [Zeros(), Normal(0.0, 0.3), Normal(1e18, 0.0)])
def test_whatever_theory_makes_of_a_network_there_are_words_for_it(initializer, phi, depth):
    gone = {"delta_norm": lambda *at: float(at[2] == depth + 1), "inactive_fraction": 1.0}
    judged = evidence(sizes(depth, 1), phi, initializer, **gone if depth else {})
    words = found(judged)
    assert words
    assert not {"nan", "inf", "×nan", "None"} & set(" ".join(words.values()).split())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_summary_holds_every_verdict_whole(fault):
    """Whoever reads the records gets the kind, the numbers and the overrides that were found."""
    for verdict in map(recorded, judge(evidence(**FAULTS[fault]))):
        assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict
        assert all(
            isinstance(number, int | float | str) for number in verdict["numbers"].values()
        ), verdict


def test_the_columns_looked_at_are_in_the_table():
    assert set(MEASURED) <= set(LAYERS.types)
