"""What the records say theory predicts, against the prediction made by hand."""

import numpy as np
import polars as pl
import pytest
from torch import nn

from deltaflow.experiment.building import assembly
from deltaflow.nn.initializers import Torch, Xavier
from deltaflow.theory import Moments, finite_width, predict
from running import composed, run

SETTINGS = ["network.hidden_sizes=[9,7,8]", "trainer.max_epochs=2", "logger=none", "n_seeds=3"]
PREDICTED = [
    "predicted_preactivation_second_moment", "predicted_delta_norm",
    "predicted_delta_norm_spread", "predicted_sample_grad_rms",
]  # fmt: skip


def batch_of(overrides, directory):
    return next(iter(assembly.datamodule(composed(overrides, directory)).train_dataloader()))[0]


@pytest.mark.parametrize(("activation", "phi"), [("tanh", nn.Tanh()), ("relu", nn.ReLU())])
@pytest.mark.parametrize(("init", "initializer"), [("torch", Torch()), ("xavier", Xavier())])
def test_step_0_has_the_prediction_for_its_own_samples(
    activation, phi, init, initializer, tmp_path
):
    overrides = [*SETTINGS, f"activation={activation}", f"init={init}"]
    layers = run(overrides, tmp_path / "run").layers
    x = batch_of(overrides, tmp_path)
    # As many training rows as a batch has, the same for every replica.
    fed = assembly.datamodule(composed(overrides, tmp_path)).probe(x.shape[1])[0].double().numpy()
    finite = finite_width([4, 9, 7, 8, 3], Moments(phi), initializer, fed @ fed.T / 4)
    for r in range(3):
        rows = layers.filter(seed=r, step=0).sort("layer")
        square = x[r].double().square().mean(-1).numpy()
        expected = predict([4, 9, 7, 8, 3], Moments(phi), initializer, square)
        np.testing.assert_allclose(
            rows["predicted_preactivation_second_moment"], expected.preactivation_second_moment
        )
        profiles = {
            "delta_norm": expected.delta_norm * np.exp(finite.shift),
            "sample_grad_rms": expected.sample_grad_rms,
        }
        for quantity, profile in profiles.items():
            found = rows[f"predicted_{quantity}"].to_list()
            assert found[-1] is None
            np.testing.assert_allclose(found[:-1], rows[quantity][2] * profile)
        spread = rows["predicted_delta_norm_spread"].to_list()
        np.testing.assert_allclose(spread[:-1], finite.deviation)
        assert spread[-1] is None


def test_later_steps_are_not_predicted(tmp_path):
    layers = run(SETTINGS, tmp_path).layers
    later = layers.filter(pl.col("step") > 0)
    assert len(later)
    assert later.select(PREDICTED).null_count().row(0) == (len(later),) * 4


@pytest.mark.parametrize("normalization", ["layer", "batch"])
def test_under_normalisation_the_first_step_is_as_predicted(normalization, tmp_path):
    result = run(
        ["activation=tanh", "init=he", "network.depth=12", "network.width=256", "data=digits",
         f"network.normalization={normalization}", "trainer.max_epochs=1", "trainer.max_batches=1",
         "n_seeds=2", "data.batch_size=16"],
        tmp_path,
    )  # fmt: skip
    theory, rate = result.summary["theory"], result.summary["flow"]["decay_rate_start"]["mean"]
    assert rate > 1.05  # so that 5 % of ln δ is more than a profile that does not change
    assert theory["decay_rate"] == pytest.approx(rate, rel=0.02)
    assert theory["theory_error"] < 0.03
    assert (theory["normalization"], theory["band"]) == (normalization, None)
    first = result.layers.filter(step=0)
    error = first["predicted_preactivation_second_moment"] / first["preactivation_second_moment"]
    assert abs(error[12:25].log().mean()) < 0.05


@pytest.mark.parametrize("depth", [0, 1])
def test_shallow_networks_have_a_prediction_of_their_pre_activations(depth, tmp_path):
    result = run([*SETTINGS, "network.hidden_sizes=null", f"network.depth={depth}"], tmp_path)
    rows = result.layers.filter(step=0)
    assert rows["predicted_preactivation_second_moment"].null_count() == 0
    hidden = rows.filter(pl.col("layer") <= depth)
    assert hidden["predicted_delta_norm"].to_list() == hidden["delta_norm"].to_list()
    theory = result.summary["theory"]
    assert theory is None if depth == 0 else theory["theory_error"] == 0


def test_dropout_scatters_δ_as_predicted(tmp_path):
    wide = ["network.depth=8", "network.width=300", "network.dropout=0.4", "activation=relu"]
    many = ["init=he", "n_seeds=8", "data.batch_size=null", "trainer.max_epochs=1", "logger=none"]
    theory = run([*wide, *many], tmp_path).summary["theory"]
    assert theory["decay_rate"] == pytest.approx((1 / 0.6) ** 0.5, rel=5e-3)  # at infinite width
    assert theory["theory_error"] < 0.05


def test_an_activation_of_ones_own_is_predicted_too(tmp_path):
    own = [
        "activation._target_=torch.nn.Hardshrink",
        "+activation.lambd=0.3",
        "init=he",
        "optimizer.lr=0.001",
    ]
    result = run([*SETTINGS, *own, "network.hidden_sizes=[200,200,200,200]"], tmp_path)
    theory = result.summary["theory"]
    assert theory["theory_error"] < 2 * theory["band"]
    measured = result.summary["flow"]["decay_rate_start"]["mean"]
    assert measured == pytest.approx(theory["decay_rate"], rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ["data=wine", "activation=relu", "init=he", "network.depth=50", "network.width=32"],
        ["data=wine", "activation=tanh", "init=orthogonal", "network.depth=20", "network.width=40"],
    ],
)
def test_what_is_beyond_width_and_seeds_is_no_matter_of_width(overrides, tmp_path):
    """128 seeds of networks that are as deep as they are wide: off by 0.33 decades at no width."""
    settings = ["n_seeds=128", "trainer.max_epochs=1", "trainer.max_batches=1", "logger=none"]
    theory = run([*overrides, *settings], tmp_path).summary["theory"]
    assert theory["theory_error"] <= theory["band"] <= 0.1
