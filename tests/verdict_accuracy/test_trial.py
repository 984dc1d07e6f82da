"""Networks with a known fault: it is the first finding, and healthy ones have none."""

import math

import pytest

from deltaflow.config.composition import compose_run
from deltaflow.terminal.screen import console
from verdict_accuracy import AT_LIMITS, FLOW_FAULTS, RECIPES, SETTING_FAULTS, Network, networks
from verdict_accuracy.judging import Judged, Outcome, advised, judge
from verdict_accuracy.trial import main, show

DRAW = 2
NETWORKS = networks(DRAW, per_recipe=1)
BY_NAME = {recipe.name: recipe for recipe in RECIPES}
MISSED = {  # of this draw, and what is found; a rule that finds one takes it from here
    "too_few_epochs": "24 steps are too few to miss anything",
    "small_steps_of_sgd": "half of the errors are gone, by accuracy",
    "wrong_labels": "the loss still falls, by little: undertrained",
    "dropout": "without dropout, validation rows are explained",
    "dropout_of_few_units": "the noise is judged by what is explained: plateau",
    "violent": "one layer learns with steps of its own length",
    "sixty_layers": "one of three seeds takes away less than half of the loss",
}


def _judged(network):
    reason = MISSED.get(network.recipe.name)
    marks = pytest.mark.xfail(reason=reason, strict=True) if reason else ()
    return pytest.param(network, id=network.recipe.name, marks=marks)


@pytest.mark.slow
@pytest.mark.parametrize("network", list(map(_judged, NETWORKS)))
def test_a_fault_is_the_first_finding_and_a_healthy_network_has_none(network):
    judged = judge(network)
    assert judged.is_right, judged.before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("vanishing", None),
        ("exploding", "stalled"),  # its steps are as short as keep it from diverging
        ("raw_inputs", None),
        ("doubled", None),
        ("stalled", None),
        ("sgd_decay", None),
        ("clipping", None),
        ("schedule_that_stops", "undertrained"),  # nor are its steps long
    ],
)
def test_a_network_learns_with_what_its_first_finding_says_to_try(name, second):
    (network,) = networks(DRAW, 1, [BY_NAME[name]])
    judged = judge(network, with_advice=True)
    if second:
        assert judged.after.kind == second
        finding = judged.before.finding
        changed = advised(network.overrides, finding["overrides"], finding["leave_out"])
        judged = judge(Network(network.recipe, changed), with_advice=True)
    assert judged.is_helped, (judged.before, judged.after)


def test_five_healthy_relu_layers_get_one_line():
    """Half of their activations are 0 and their outputs are sure, which is as it should be."""
    network = Network(BY_NAME["sound"], {
        "activation": "relu", "init": "he", "network.depth": "5", "optimizer": "adam",
        "optimizer.lr": "0.002", "trainer.max_epochs": "60",
    })  # fmt: skip
    outcome = judge(network).before
    assert [verdict["kind"] for verdict in outcome.verdicts] == ["healthy"]
    assert outcome.explained > 0.8


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
    for network in networks(DRAW + 1, per_recipe=2):
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


@pytest.mark.parametrize(("after", "is_helped"), [
    (_outcome("healthy", 0.9), True),
    (_outcome("plateau", 0.1), False),  # the finding is gone, and nothing has been learnt
    (_outcome("weight_decay", 0.9, CURE), False),  # advice that leads back to itself
    (None, False),
])  # fmt: skip
def test_advice_helps_a_network_that_then_learns(after, is_helped):
    assert Judged(DECAY, _outcome("weight_decay", 0, CURE), after).is_helped is is_helped


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
    helped = Judged(DECAY, _outcome("weight_decay", 0, CURE), _outcome("healthy", 0.9))
    missed = Judged(DECAY, _outcome("plateau", 0))
    show(console(), [helped, missed, Judged(SOUND, _outcome("healthy", 1))])
    said = capsys.readouterr().out
    assert "1 of 2 faults are the first finding; advice helps 1 of 2; 1 of 1 healthy" in said
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
    monkeypatch.setattr("verdict_accuracy.trial.networks", lambda *_: [wrong])
    with pytest.raises(SystemExit) as stopped:
        main(["advice=false"])
    assert stopped.value.code == 1
    assert "0 of 1 faults" in capsys.readouterr().out
