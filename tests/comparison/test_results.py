import math

import polars as pl
import pytest

from deltaflow.comparison.flow_numbers import flow_numbers, theory_fit
from deltaflow.comparison.results import best_rows, metric_values, results
from deltaflow.records import LAYERS, METRICS


def _layers(norms: dict[int, list[float]], seed: int = 0) -> pl.DataFrame:
    """A network of width 4 with these δ norms, by step, input to output."""
    rows = [
        {"seed": seed, "step": step, "layer": layer, "fan_in": 4, "fan_out": 4,
         "delta_norm": norm, "delta_rms": norm / 2, "sample_grad_rms": norm / 8}
        for step, profile in norms.items()
        for layer, norm in enumerate(profile, start=1)
    ]  # fmt: skip
    return LAYERS.frame({name: [row[name] for row in rows] for name in rows[0]})


def test_the_flow_of_a_geometric_profile_is_its_ratio():
    numbers = flow_numbers(_layers({0: [1e-3, 1e-2, 1e-1, 1.0], 9: [8.0, 4.0, 2.0, 1.0]}))[0]
    assert numbers["vanishing_index_start"] == pytest.approx(2)
    assert numbers["vanishing_index_weight_start"] == pytest.approx(2)
    assert numbers["decay_rate_start"] == pytest.approx(0.1)
    assert numbers["loss_gain_start"] == pytest.approx(0.5)
    assert numbers["vanishing_index_end"] == pytest.approx(-math.log10(4))
    assert numbers["decay_rate_end"] == pytest.approx(2)


def test_a_linear_model_has_no_profile():
    numbers = flow_numbers(_layers({0: [1.0]}))[0]
    assert numbers["vanishing_index_start"] is None
    assert numbers["decay_rate_start"] is None
    assert numbers["loss_gain_start"] == pytest.approx(0.5)


def test_one_hidden_layer_loses_nothing_and_has_no_rate():
    numbers = flow_numbers(_layers({0: [0.1, 1.0]}))[0]
    assert numbers["vanishing_index_start"] == 0
    assert numbers["decay_rate_start"] is None


def test_a_dead_profile_has_no_numbers():
    numbers = flow_numbers(_layers({0: [0.0, 0.0, 1.0]}))[0]
    assert numbers["vanishing_index_start"] is None
    assert numbers["decay_rate_start"] is None


def test_a_run_counts_every_seed_at_the_start_and_at_the_end_those_that_did_not_diverge():
    """Seeds that diverge are those whose δ grows most: without them the start looks tamer."""
    frame = pl.concat(
        [
            _layers({0: [4.0, 2.0, 1.0, 1.0], 9: [1.0, 1.0, 1.0, 1.0]}, seed=0),
            _layers({0: [64.0, 8.0, 1.0, 1.0], 9: [9.0, 1.0, 1.0, 1.0]}, seed=1),
            _layers({0: [math.inf, 8.0, 1.0, 1.0]}, seed=2),
        ]
    )
    found = results([0, 1, 2], [-1, 5, 0], frame, _metrics([1.0]), rows={})
    start, end = (found["flow"][f"decay_rate_{moment}"] for moment in ("start", "end"))
    assert (start["mean"], start["n"]) == (pytest.approx((2 * 8) ** 0.5), 2)
    assert (end["mean"], end["n"]) == (pytest.approx(1), 1)


def _metrics(losses: list[float]) -> pl.DataFrame:
    n = len(losses)
    return METRICS.frame(
        {"seed": [3] * n, "epoch": range(n), "split": ["validation"] * n, "loss": losses}
    )


def test_the_best_epoch_is_the_first_with_the_lowest_validation_loss():
    assert best_rows(_metrics([3.0, 1.0, math.nan, 1.0, 2.0])) == {3: (1, {"loss": 1.0})}


def test_without_a_finite_loss_no_epoch_is_best():
    assert best_rows(_metrics([math.nan])) == {}


def test_metrics_that_do_not_apply_are_left_out():
    assert metric_values(_metrics([3.0, 1.0]), "validation") == {3: {"loss": 1.0}}
    assert metric_values(_metrics([3.0]), "test") == {}


def predicted(ratios, spread=0.2):
    """Step 0 of hidden layers 1 … and an output layer, measured so many times the prediction."""
    n_layers = len(ratios[0]) + 1
    index = [(seed, layer) for seed in range(len(ratios)) for layer in range(1, n_layers + 1)]
    hidden = [layer < n_layers for _, layer in index]
    theory = [0.5 ** (n_layers - layer) for _, layer in index]
    measured = [
        theory[i] * (ratios[seed][layer - 1] if hidden[i] else 1)
        for i, (seed, layer) in enumerate(index)
    ]
    return LAYERS.frame(
        {
            "seed": [seed for seed, _ in index],
            "step": [0] * len(index),
            "layer": [layer for _, layer in index],
            "fan_in": [4] * len(index),
            "fan_out": [4] * len(index),
            "delta_norm": measured,
            "predicted_delta_norm": [t if h else None for t, h in zip(theory, hidden, strict=True)],
            "predicted_delta_norm_spread": [spread if h else None for h in hidden],
        }
    )


def test_the_error_of_theory_is_in_decades_over_hidden_layers_of_the_mean_over_seeds():
    fit = theory_fit(predicted([[10.0, 1.0], [1000.0, 1.0]]))
    assert fit["theory_error"] == pytest.approx(math.sqrt((2**2 + 0) / 2))
    assert fit["band"] == pytest.approx(2 * 0.2 / math.sqrt(2) / math.log(10))
    assert fit["decay_rate"] == pytest.approx(0.5)
    assert fit["vanishing_index"] == pytest.approx(math.log10(2))


def test_a_replica_that_is_not_finite_does_not_spoil_the_error():
    fit = theory_fit(predicted([[10.0, 1.0], [math.nan, math.nan]]))
    assert fit["theory_error"] == pytest.approx(math.sqrt(1 / 2))


def test_without_a_prediction_there_is_nothing_to_fit():
    nothing = dict.fromkeys(["decay_rate", "vanishing_index", "theory_error", "band"])
    assert theory_fit(LAYERS.frame({})) == nothing
    bare = predicted([[1.0, 1.0]]).with_columns(
        pl.lit(None, pl.Float64).alias("predicted_delta_norm")
    )
    assert theory_fit(bare) == nothing
