"""Every preset in conf/experiment/claims has its claim, every claim its preset, and runs on it."""

import pytest
from omegaconf import OmegaConf

from claims import all_claims
from claims.command import measure, sweep
from claims.document import markdown
from deltaflow.config.composition.runs import compose_run
from running import CONF, options

CLAIMS = all_claims()
PRESETS = {
    name: OmegaConf.load(CONF / "experiment" / "claims" / f"{name}.yaml")
    for name in options("experiment/claims")
}
of_each_claim = pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.letter)

FEW = {  # as few runs as each claim can be measured on
    "A": ["network.depth=2,3"],
    "B": ["init.sigma_w=1", "network.depth=3"],
    "C": ["init=torch", "network.depth=3"],
    "D": ["init=xavier,he", "network.depth=3"],
    "E": ["data.label_noise=0", "data.split_seed=0,1"],
    "F": ["optimizer.lr=0.1"],
    "G": ["optimizer=sgd", "optimizer.lr=0.1"],
    "H": ["activation.negative_slope=0.01,0.1"],
    "I": ["data=iris"],
    "J": ["seed=0,10,20", "network.width=16"],
    "K": ["seed=0,10,20"],
    "L": ["network.depth=1"],
    "M": ["network.depth=1"],
    "N": ["network.width=36", "data.shuffle_seed=null,0"],
    "O": ["network.depth=0,1"],
    "P": ["data=iris", "trainer.max_epochs=1"],
}
SHORT = ["n_seeds=2", "trainer.max_batches=2"]


def test_every_preset_has_a_claim_and_every_claim_a_preset():
    assert sorted(claim.name for claim in CLAIMS.values()) == sorted(PRESETS)
    assert list(CLAIMS) == list("ABCDEFGHIJKLMNOP")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_says_what_to_watch_and_is_a_multirun(name):
    text = (CONF / "experiment" / "claims" / f"{name}.yaml").read_text(encoding="utf-8")
    first, *comments = text.splitlines()
    assert first == "# @package _global_"
    assert any("Watch" in line for line in comments if line.startswith("#"))
    assert PRESETS[name].hydra.mode == "MULTIRUN"
    assert any("," in str(values) for values in PRESETS[name].hydra.sweeper.params.values())


@of_each_claim
def test_the_quick_setting_has_ten_seeds_or_more_and_values_of_the_full_one(claim, tmp_path):
    preset = PRESETS[claim.name]
    assert preset.n_seeds >= 10
    for override in claim.quick:
        name, _, typed = override.partition("=")
        if name == "n_seeds":
            assert 10 <= int(typed) <= preset.n_seeds
        elif name != "trainer.max_epochs":
            full = [_plain(value) for value in str(preset.hydra.sweeper.params[name]).split(",")]
            quick = [_plain(value) for value in typed.split(",")]
            assert quick == [value for value in full if value in quick], f"{name}: in this order"
    single = [override for override in claim.quick if "," not in override]
    _, choices = compose_run([f"experiment=claims/{claim.name}", *single], tmp_path)
    assert choices["experiment"] == f"claims/{claim.name}"


def _plain(value: str) -> str:
    return f"{float(value):g}" if value[0].isdigit() else value


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*has its softmax inside", "ignore:.*diverged")
@of_each_claim
def test_every_claim_is_measured_on_its_preset(claim, in_this_process):
    """All that a claim reads is there; a few steps are no evidence, but have numbers."""
    epochs = [] if claim.letter == "P" else ["trainer.max_epochs=1"]
    result = measure(claim, [*SHORT, *epochs, *FEW[claim.letter]])
    assert {one.measure for one in result.findings} == set(range(len(claim.measures)))
    assert all(one.n >= 2 and one.mean is not None for one in result.findings)
    assert any(one.rounding > 0 for one in result.findings) == claim.repeats_in_float64
    text = markdown({claim.letter: result}, "quick")
    assert f"**Verdict**: {result.verdict}." in text
    assert text.count(" ± ") + text.count("alike") >= len(result.findings)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimizer.lr=-1", r"come to an end\. Found 0_.* failed: .*optimizer.lr"),
        ("network.nowhere=1", r"network\.nowhere"),
    ],
)
def test_what_cannot_run_is_told_in_one_message(override, said, tmp_path, capfd):
    with pytest.raises(ValueError, match=said) as refused:
        sweep(CLAIMS["O"], [*SHORT, *FEW["O"], "activation=tanh", override], tmp_path)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")
