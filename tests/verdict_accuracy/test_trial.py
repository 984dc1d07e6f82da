"""Networks with a known fault: their own is the first finding, and healthy ones have none."""

import pytest

from deltaflow.config.composition import compose_run
from verdict_accuracy import HEALTHY_SHARE, LabelledRun, labelled_runs
from verdict_accuracy.trial import Judged, advised, judge, main, show

DRAW = 2  # none of those that rules and recipes were written by
PER_KIND = 3
NETWORKS = labelled_runs(DRAW, PER_KIND)


@pytest.mark.slow
@pytest.mark.parametrize(
    "network", NETWORKS, ids=[f"{i}-{run.kind}" for i, run in enumerate(NETWORKS)]
)
def test_a_fault_is_the_first_finding_and_a_healthy_network_has_none(network):
    found = judge(network)
    assert found.first == network.kind, found.verdicts
    assert network.kind != "healthy" or len(found.verdicts) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vanishing", "exploding", "saturation", "doubled", "stalled"])
def test_what_a_finding_says_to_try_makes_it_go_away(kind):
    first = next(run for run in NETWORKS if run.kind == kind)
    assert judge(first, with_advice=True).cured


def test_five_healthy_relu_layers_get_one_line():
    """Half of their activations are 0 and their outputs are sure, which is as it should be."""
    network = LabelledRun("healthy", {
        "activation": "relu", "init": "he", "network.depth": "5", "optimizer": "adam",
        "optimizer.lr": "0.002", "trainer.max_epochs": "60",
    })  # fmt: skip
    (only,) = judge(network).verdicts
    assert only["kind"] == "healthy"


def test_there_are_networks_enough_of_many_kinds():
    kinds = [network.kind for network in NETWORKS]
    assert len(NETWORKS) >= 40
    assert {kinds.count(kind) for kind in set(kinds) - {"healthy"}} == {PER_KIND}
    assert kinds.count("healthy") == PER_KIND * HEALTHY_SHARE
    for varied in ("activation", "data", "loss", "optimizer", "seed"):
        assert len({run.overrides.get(varied) for run in NETWORKS}) > 1


def test_another_draw_gives_other_networks():
    assert not {str(run.overrides) for run in NETWORKS} & {
        str(run.overrides) for run in labelled_runs(DRAW + 1, PER_KIND)
    }


@pytest.mark.slow
def test_networks_can_be_composed(tmp_path):
    for network in labelled_runs(DRAW + 1, per_kind=2):
        compose_run([f"{key}={value}" for key, value in network.overrides.items()], tmp_path)


@pytest.mark.parametrize(("advice", "changes"), [
    (["init=he"], {"init": "he"}),
    (["init.sigma_w=1.396"], {"init": "normal", "init.sigma_w": "1.396"}),
    (["network.hidden_sizes=[8,8]"], {"network.hidden_sizes": "[8,8]"}),
    ([], {}),
])  # fmt: skip
def test_advice_replaces_what_it_names(advice, changes):
    before = {"data": "iris", "activation": "tanh", "init": "normal", "init.sigma_w": "4",
              "network.hidden_sizes": "[9,5]"}  # fmt: skip
    after = advised(before, advice)
    assert after["data"] == "iris"
    assert changes.items() <= after.items()
    if changes.get("init") == "he":
        assert "init.sigma_w" not in after


def test_the_matrix_counts_first_findings(capsys):
    from deltaflow.terminal.screen import console

    verdict = {"kind": "dead", "words": "Units die."}
    show(console(), [Judged("dead", [verdict], True), Judged("healthy", [verdict])])
    said = capsys.readouterr().out
    assert "1 of 2 networks" in said
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines()]
    assert ["1 dead", "1", "·", "1 of 1"] in rows
    assert ["2 healthy", "1", "·", "–"] in rows


@pytest.mark.parametrize("argument", ["per_kind=0", "draws=[-1]", "format=html", "activation=relu"])
def test_what_a_trial_cannot_do_is_refused(argument, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([argument])
    assert stopped.value.code == 1
    assert f"{argument.split('=')[0]}" in capsys.readouterr().err


def test_a_network_that_is_judged_wrong_is_told_by_the_exit_status(monkeypatch, capsys):
    wrong = LabelledRun("dead", {"trainer.max_epochs": "1"})
    monkeypatch.setattr("verdict_accuracy.trial.labelled_runs", lambda *_: [wrong])
    with pytest.raises(SystemExit) as stopped:
        main(["advice=false"])
    assert stopped.value.code == 1
    assert "0 of 1 networks" in capsys.readouterr().out
