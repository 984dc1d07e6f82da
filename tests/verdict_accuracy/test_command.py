"""Networks with a known fault: it is the first finding, and healthy ones have none."""

import math
from dataclasses import replace

import pytest

from deltaflow.config.composition.runs import compose_run
from deltaflow.terminal.screen import console
from verdict_accuracy import AT_LIMITS, FLOW_FAULTS, RECIPES, SETTING_FAULTS, Network, networks
from verdict_accuracy.command import main, show
from verdict_accuracy.judging import Judged, Outcome, advised, judge

DRAW = 2
NETWORKS = networks(DRAW, per_recipe=1)
BY_NAME = {recipe.name: recipe for recipe in RECIPES}


def drawn(name: str) -> Network:
    (network,) = networks(DRAW, 1, [BY_NAME[name]])
    return network


@pytest.mark.slow  # a few of a draw: the whole of it is for the script
@pytest.mark.parametrize("name", ["noisy_labels", "narrow", "zero_output"])
def test_nothing_is_found_in_a_healthy_network(name):
    judged = judge(drawn(name))
    assert judged.is_right, judged.before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wrong_labels", "too_few_epochs", "dropout_of_few_units"])
def test_a_fault_is_the_first_finding_and_its_advice_leads_to_a_network_that_learns(name):
    judged = judge(drawn(name), with_advice=True)
    assert judged.is_right, judged.before
    assert judged.is_helped, judged.then


def test_there_are_networks_enough_of_many_kinds():
    assert len(SETTING_FAULTS) >= 20
    assert len(AT_LIMITS) >= 20
    assert len(FLOW_FAULTS) >= 13
    assert len(BY_NAME) == len(RECIPES) == len(NETWORKS)
    for varied in ("activation", "data", "loss", "optimizer", "network.width"):
        assert len({network.overrides.get(varied) for network in NETWORKS}) > 2


def test_another_draw_gives_other_networks():
    drawn = zip(NETWORKS, networks(DRAW + 1, per_recipe=1), strict=True)
    assert all(one.overrides != other.overrides for one, other in drawn)


@pytest.mark.slow
def test_networks_can_be_composed(tmp_path):
    for network in networks(DRAW + 1, per_recipe=1):
        compose_run([f"{key}={value}" for key, value in network.overrides.items()], tmp_path)


@pytest.mark.parametrize(("advice", "changes"), [
    (["init=he"], {"init": "he"}),
    (["init.sigma_w=1.396"], {"init": "normal", "init.sigma_w": "1.396"}),
    (["network.hidden_sizes=[8,8]"], {"network.hidden_sizes": "[8,8]"}),
    (["optimizer.weight_decay=0"], {"+optimizer.weight_decay": "0"}),
    ([], {}),
])  # fmt: skip
def test_advice_replaces_what_it_names(advice, changes):
    before = {"data": "iris", "activation": "tanh", "init": "normal", "init.sigma_w": "4",
              "network.hidden_sizes": "[9,5]", "+optimizer.weight_decay": "3"}  # fmt: skip
    after = advised(before, advice)
    assert after["data"] == "iris"
    assert changes.items() <= after.items()
    assert len(after) == len(before) - ("init=he" in advice)


def test_what_cannot_stand_beside_the_advice_is_left_out():
    before = {"init": "he", "init._target_": "starts.Constant", "+init.groups": "2"}
    assert advised(before, ["init=xavier"], ["+init.groups=2"]) == {"init": "xavier"}
    assert advised(before, ["seed=1"], ["init._target_=starts.Constant", "+init.groups=2"]) == {
        "init": "he", "seed": "1",
    }  # fmt: skip
    assert advised({"network.hidden_sizes": "[3]"}, ["network.width=8"]) == {"network.width": "8"}


def _outcome(kind, explained, *overrides):
    return Outcome([{"kind": kind, "words": "", "overrides": overrides}], explained)


DECAY, SOUND = (Network(BY_NAME[name], {}) for name in ("sgd_decay", "sound"))
CURE = "optimizer.weight_decay=0"


@pytest.mark.parametrize(("network", "before", "is_right"), [
    (DECAY, _outcome("weight_decay", 0, CURE), True),
    (DECAY, _outcome("violent", 0, "optimizer.lr=1"), False),
    (DECAY, _outcome("healthy", 0), False),
    (SOUND, _outcome("healthy", 1), True),
    (SOUND, _outcome("dead", 1), False),
])  # fmt: skip
def test_a_finding_is_right_that_changes_the_setting_at_fault(network, before, is_right):
    assert Judged(network, before).is_right is is_right


@pytest.mark.parametrize(("then", "is_helped"), [
    ([_outcome("healthy", 0.9)], True),
    ([_outcome("stalled", 0.1), _outcome("healthy", 0.9)], True),
    ([_outcome("plateau", 0.1)], False),  # the finding is gone, and nothing has been learnt
    ([_outcome("weight_decay", 0.9, CURE)], False),  # advice that leads back to itself
    ([replace(_outcome("healthy", 0.9), held_out=0.2)], False),  # by heart
    ([], False),
])  # fmt: skip
def test_advice_helps_a_network_that_then_learns(then, is_helped):
    judged = Judged(DECAY, _outcome("weight_decay", 0, CURE), tuple(then))
    assert judged.is_helped is is_helped
    assert judged.is_helped_at_once is (is_helped and len(then) == 1)


@pytest.mark.parametrize("loss", ["ce", "bce", "mse"])
def test_a_constant_network_explains_nothing(loss):
    """Zero weights, and a bias that has learnt the classes' shares: the best constant output."""
    network = Network(BY_NAME["zero_start"], {
        "init": "zeros", "data": "blobs", "loss": loss, "data.batch_size": "null",
        "data.n_samples": "60", "optimizer.lr": "0.5", "optimizer.momentum": "0",
        "diagnostics": "off", "trainer.max_epochs": "200",
    })  # fmt: skip
    assert math.isclose(judge(network).before.explained, 0, abs_tol=1e-3)


def test_a_row_for_each_recipe(capsys):
    helped = Judged(DECAY, _outcome("weight_decay", 0, CURE), (_outcome("healthy", 0.9),))
    missed = Judged(DECAY, _outcome("plateau", 0))
    show(console(), [helped, missed, Judged(SOUND, _outcome("healthy", 1))])
    said = capsys.readouterr().out
    assert "1 of 2 faults are the first finding; advice helps 1 of 2, the first one alone" in said
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines()]
    assert ["sgd_decay", "1 of 2", "1 of 2", "plateau"] in rows
    assert ["sound", "1 of 1", "–", ""] in rows


@pytest.mark.parametrize(
    "argument", ["per_recipe=0", "draws=[-1]", "recipes=[luck]", "format=html", "activation=relu"]
)
def test_what_a_trial_cannot_do_is_refused(argument, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([argument])
    assert stopped.value.code == 1
    assert f"{argument.split('=')[0]}" in capsys.readouterr().err


def test_a_network_that_is_judged_wrong_is_told_by_the_exit_status(monkeypatch, capsys):
    wrong = Network(BY_NAME["dead"], {"trainer.max_epochs": "1"})
    monkeypatch.setattr("verdict_accuracy.command.networks", lambda *_: [wrong])
    with pytest.raises(SystemExit) as stopped:
        main(["advice=false"])
    assert stopped.value.code == 1
    said = capsys.readouterr().out
    assert "0 of 1 faults" in said
    assert "advice helps 0" not in said  # none was tried
