"""What is said first of a comparison, and that it claims no more than its tests."""

from dataclasses import replace

import pytest

from deltaflow.comparison.configurations.configuration import Axis
from deltaflow.comparison.configurations.grouped_runs import Metric
from deltaflow.comparison.configurations.ranked_configuration import Finding, RankedConfiguration
from deltaflow.comparison.notes.headline import headline, sweep_title
from deltaflow.comparison.statistics.paired_tests import Difference
from deltaflow.records import Interval

ACCURACY = Metric("accuracy", "test")
SURE = Difference(-0.3, -0.4, -0.2, 0.0001, 0.001, 8)
UNSURE = Difference(-0.01, -0.05, 0.03, 0.5, 1.0, 8)
FEW = Difference(-0.3, -0.4, -0.2, 0.0001, 0.001, 2)


def one(
    number, difference=None, mean=0.9, n=8, kinds=(), n_lost=0, each="seed"
) -> RankedConfiguration:
    spread = (None, None) if n < 2 else (mean - 0.02, mean + 0.02)
    return RankedConfiguration(
        number=number, name=f"{number}_run", label=f"init={number}", directory="", axes={},
        status="completed", reason=None, n_seeds=n, each=each, n_diverged=0, n_lost=n_lost,
        n_zero={}, numbers={"accuracy": Interval(mean, *spread, n)}, difference=difference,
        findings=[Finding(kind, kind) for kind in kinds], command="", config="", profile=None,
        heatmap=None, curves={}, confusion=None, results=[],
    )  # fmt: skip


def said(ranking, baseline=0, metric=ACCURACY):
    return headline(ranking, metric, baseline)


def test_the_best_stands_with_its_interval_and_what_can_be_told_from_it():
    assert said([one(0), one(1, UNSURE), one(2, UNSURE), one(3, SURE)]) == [
        "Highest test accuracy: 0.900 [0.880, 0.920] over 8 seeds, by init=0.",
        "2 of 3 others cannot be told from it (paired t-tests, Holm-corrected p ≥ 0.05); 1 can.",
    ]


def test_tests_of_few_seeds_tell_nothing_however_small_their_p():
    _, *rest = said([one(0), one(1, FEW), one(2, SURE)])
    assert rest == [
        "0 of 1 others cannot be told from it (paired t-tests, Holm-corrected p ≥ 0.05); 1 can.",
        "1 other: fewer than 3 seeds in common with it.",
    ]


def test_one_seed_orders_by_chance():
    lone = replace(UNSURE, n=1, p=None, p_holm=None)
    assert said([one(0, n=1), one(1, lone, n=1)]) == [
        "Highest test accuracy: 0.900 (one seed), by init=0.",
        "One seed each: chance alone may order them so.",
    ]


def test_a_baseline_that_is_not_the_first_is_named_by_its_place():
    _, told = said([one(0, SURE), one(1)], baseline=1)
    assert told.startswith("0 of 1 others cannot be told from number 2 ")


def test_a_loss_is_lowest():
    found = replace(one(0), numbers={"loss": Interval(0.002, 0.001, 0.003, 8)})
    first, *_ = said([found], None, Metric("loss", "test"))
    assert first == "Lowest test loss: 0.002 [0.001, 0.003] over 8 seeds, by init=0."


def test_lost_seeds_and_findings_are_counted_and_health_is_no_finding():
    ranking = [one(0, kinds=["healthy", "overfitting"]), one(1, UNSURE, kinds=["dead", "dead"]),
               one(2, UNSURE, kinds=["dead", "hidden_vanishing"], n_lost=3)]  # fmt: skip
    assert said(ranking)[2:] == [
        "1 configuration lost seeds, which diverged, failed or learnt too little.",
        "Most frequent findings: dead (2) and hidden vanishing (1).",
    ]


def test_without_a_result_there_is_nothing_to_rank():
    nothing = replace(one(0), numbers={"accuracy": Interval(None, None, None, 0)})
    assert said([nothing], None) == ["No run has a result yet."]


@pytest.mark.parametrize(("names", "data", "title"), [
    (["init"], ["iris"], "What init changes in test accuracy on iris"),
    (["init", "network.depth"], ["iris"], "What init and depth change in test accuracy on iris"),
    (["data"], ["iris", "wine"], "What data changes in test accuracy"),
    ([], ["iris"], None),
])  # fmt: skip
def test_a_title_asks_what_was_varied(names, data, title):
    assert sweep_title([Axis(name, (1, 2)) for name in names], ACCURACY, data) == title


def test_with_folds_a_mean_is_over_networks():
    found, *_ = said([one(0, n=10, each="network"), one(1, UNSURE)])
    assert "over 10 networks, by init=0" in found
