"""Runs from the configuration to their verdicts: what judging must never do to one."""

import numpy as np
import pytest

from deltaflow.theory import Theory
from running import run
from verdict_accuracy.judging import advised

pytestmark = pytest.mark.slow

SHORT = ["logger=none", "trainer.max_epochs=10"]


def _kinds(overrides, directory):
    summary = run([*SHORT, *overrides], directory).summary
    assert summary["status"] == "completed"
    return [verdict["kind"] for verdict in summary["verdicts"]]


@pytest.mark.parametrize("own", [
    ["data=diabetes", "loss=mse", "loss._target_=unusual.InPlaceSquaredError", "~loss.target",
     "~loss.threshold", "optimizer.lr=0.01"],
    ["loss._target_=unusual.OfUnlikeOutputs"],
])  # fmt: skip
def test_a_loss_that_takes_no_constant_outputs_is_no_reason_to_lose_a_run(own, tmp_path):
    assert _kinds(own, tmp_path) == ["healthy"]


def test_a_loss_below_zero_has_no_share_and_so_no_plateau(tmp_path):
    assert _kinds(["loss._target_=unusual.BelowZero"], tmp_path) == ["healthy"]


def _words(overrides, directory):
    return run([*SHORT, *overrides], directory).summary["verdicts"][0]["words"]


def test_a_delta_that_most_seeds_lose_has_no_rate(tmp_path):
    narrow = ["network.width=3", "network.depth=10", "init=he", "n_seeds=3"]
    summary = run([*SHORT, *narrow], tmp_path).summary
    words, rate = summary["verdicts"][0]["words"], summary["theory"]["decay_rate"]
    assert rate < 1  # the centre of such networks lies below mean-field theory, which says 1
    said = f"δ goes out on its way back (theory ×{rate:.3g} per layer), all of it over 10 hidden"
    assert said in words
    assert "shrinks" not in words


def test_one_unit_is_no_units(tmp_path):
    words = _words(["network.width=1", "network.depth=3", "init=he"], tmp_path)
    assert "Layers of 1 unit scatter" in words


def test_what_is_predicted_does_not_grow_with_the_data(tmp_path, monkeypatch):
    asked, predict = [], Theory.predict

    def listening(theory, inputs):
        asked.append(np.size(inputs))
        return predict(theory, inputs)

    monkeypatch.setattr(Theory, "predict", listening)
    few = ["trainer.max_epochs=1", "trainer.max_batches=2"]
    sizes = ["data=moons", "data.n_samples=2000", "activation=sigmoid", "network.depth=5"]
    assert "vanishing" in _kinds([*sizes, *few], tmp_path)
    assert 16 < max(asked) < 200


@pytest.mark.parametrize("init", ["torch", "he"])
def test_the_flat_half_of_a_bounded_rectifier_is_no_saturation(init, tmp_path):
    """Pre-activations below 0 have no slope, which is half of them, as in ReLU."""
    own = ["activation._target_=torch.nn.ReLU6", f"init={init}", "n_seeds=3"]
    first, *behind = _kinds(own, tmp_path)
    assert first == "healthy"
    assert set(behind) <= {"overfitting"}  # it learns, and then its rows by heart


def test_a_bounded_rectifier_saturates_all_the_same(tmp_path):
    own = ["activation._target_=torch.nn.ReLU6", "init=normal", "init.sigma_b=300"]
    assert _kinds(own, tmp_path)[0] == "saturation"


@pytest.mark.filterwarnings("ignore:On the edge of chaos")  # units saturate there
def test_advice_can_stand_behind_a_critical_start_with_biases(tmp_path):
    command = ["activation=tanh", "init=critical", "init.sigma_b=3", "network.depth=12"]
    verdict, *_ = run([*SHORT, *command], tmp_path / "first").summary["verdicts"]
    advice = advised({}, verdict["overrides"])
    assert advice["init.sigma_b"] == "0"
    pasted = [f"{key}={value}" for key, value in advice.items()]
    second = run([*SHORT, *command, *pasted], tmp_path / "second").record
    assert ("saturation", "start") not in {(one.kind, one.when) for one in second.verdicts}


def test_advice_on_a_start_of_ones_own_says_what_to_leave_out(tmp_path):
    words = _words(["init._target_=verdict_accuracy.initializers.Constant"], tmp_path)
    assert words.endswith(
        "per layer. Leave out init._target_=verdict_accuracy.initializers.Constant."
    )


def test_results_stay_where_judging_fails(tmp_path, monkeypatch):
    def fail(case):
        raise ZeroDivisionError("no such share")

    monkeypatch.setattr("deltaflow.verdicts.judge", fail)
    with pytest.warns(UserWarning, match="No verdicts: ZeroDivisionError: no such share"):
        summary = run(SHORT, tmp_path).summary
    assert summary["status"] == "completed"
    assert summary["verdicts"] == []
    assert summary["metrics"]
