"""Every preset in conf/experiment/claims has its claim, and every claim its preset.

Presets are found by glob; a new one needs a claim in the catalogue.
"""

import pytest
from omegaconf import OmegaConf

from claims import CLAIMS
from claims.conducting import conduct
from claims.evidence import Evidence
from claims.ruling import FEWEST, find
from deltaflow.config.composition import compose_run
from deltaflow.experiment.result import Run
from deltaflow.figures import run_picture
from running import CONF, options

PRESETS = options("experiment/claims")
of_each_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)


def test_every_preset_has_a_claim_and_every_claim_a_preset():
    assert sorted(claim.name for claim in CLAIMS) == PRESETS
    assert [claim.letter for claim in CLAIMS] == list("ABCDEFGHIJKLMNOP")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_to_watch_and_is_a_multirun(name):
    file = CONF / "experiment" / "claims" / f"{name}.yaml"
    first, *comments = file.read_text(encoding="utf-8").splitlines()
    assert first == "# @package _global_"
    assert any("Watch" in line for line in comments if line.startswith("#"))
    preset = OmegaConf.load(file)
    assert preset.hydra.mode == "MULTIRUN"
    assert any("," in str(values) for values in preset.hydra.sweeper.params.values())


@of_each_claim
def test_a_claim_composes_with_ten_seeds_or_more(claim, tmp_path):
    params = _params(claim)
    given = [
        override
        for override in claim.overrides("quick")
        if "," not in override and override.partition("=")[0] not in params
    ]
    config, choices = compose_run([f"experiment=claims/{claim.name}", *given], tmp_path)
    assert choices["experiment"] == f"claims/{claim.name}"
    file = CONF / "experiment" / "claims" / f"{claim.name}.yaml"
    assert 10 <= config.n_seeds <= OmegaConf.load(file).n_seeds


@of_each_claim
def test_the_quick_setting_takes_values_of_the_full_one_or_fewer_epochs(claim):
    params = _params(claim)
    for override in claim.quick:
        name, _, values = override.partition("=")
        if name not in params:
            assert name in ("n_seeds", "trainer.max_epochs")
        elif name != "trainer.max_epochs":
            numbers = [_number(value) for value in params[name].split(",")]
            assert [_number(v) for v in values.split(",")] == [
                n for n in numbers if n in {_number(v) for v in values.split(",")}
            ], f"{name}: the order of the preset"


def _params(claim) -> dict[str, str]:
    file = CONF / "experiment" / "claims" / f"{claim.name}.yaml"
    return {str(k): str(v) for k, v in OmegaConf.load(file).hydra.sweeper.params.items()}


def _number(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


AXES_FOR_A_MOMENT = {
    "relu_sparsity_generalises": ["data.label_noise=0", "data.split_seed=0,1,2,3,4"],
    "tanh_costs_more_than_relu": ["seed=0,10,20,30,40,50", "network.width=16"],
    "precision_costs_and_helps": ["seed=0,10,20,30,40,50"],
    "softmax_exaggerates_differences": ["trainer.max_epochs=1,2"],
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*has its softmax inside", "ignore:.*diverged")
@of_each_claim
def test_every_claim_is_measured_on_its_preset(claim, tmp_path, monkeypatch):
    """All that a claim reads is there; a few steps are no evidence, but have numbers."""
    monkeypatch.setattr(Run, "draw", lambda self: None)
    monkeypatch.setattr(run_picture, "save", lambda figure, path: path.touch())
    epochs = [] if "trainer.max_epochs" in _params(claim) else ["trainer.max_epochs=1"]
    fewer = [*claim.quick, *epochs, *AXES_FOR_A_MOMENT.get(claim.name, []), "n_seeds=5"]
    findings = find(claim, Evidence.of_runs(conduct(claim.name, fewer, tmp_path)))
    assert {finding.measure for finding in findings} == set(range(len(claim.measures)))
    assert all(finding.n >= FEWEST for finding in findings)
    assert all(finding.mean is not None for finding in findings)
