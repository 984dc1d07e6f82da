"""What a report takes from tables: the same as from each table with plain loops."""

import math

import numpy as np
import polars as pl
import pytest

from deltaflow.comparison.collection import collect
from deltaflow.comparison.configurations.grouping import configurations, distinct, numbered
from deltaflow.comparison.series.table_series import MAX_EPOCHS, MAX_STEPS, read_tables
from deltaflow.comparison.statistics.intervals import interval, scale_of
from written import ROWS, layers, metrics, write_run

ROUNDING = 2e-3  # of four digits, and of logarithms of them


def read(folder, metric="accuracy"):
    return read_tables(configurations(numbered(distinct(collect([folder]))))[0], metric)


def noisy(seed, step, layer):
    return 10 ** math.sin(100 * seed + 7 * step + 3 * layer * layer)


def noisily(seeds, **more):
    return layers(seeds, norm=noisy, **more), metrics(seeds, lambda s: math.sin(s) ** 2)


def logs(frame, step, layer):
    rows = frame.filter(pl.col("step") == step, pl.col("layer") == layer)
    return [math.log10(value) for value in rows["delta_norm"]]


def test_profiles_are_geometric_means_with_an_interval_of_the_logarithm(tmp_path):
    frame, curves = noisily(range(5))
    write_run(tmp_path / "0", seeds=range(5), tables=(frame, curves))
    profile = read(tmp_path).profiles[0]
    assert profile.layers == [1, 2, 3]
    for moment, step in (("start", 0), ("end", 20)):
        for place, layer in enumerate(profile.layers):
            expected = interval(logs(frame, step, layer))
            for name in ("mean", "low", "high"):
                found = getattr(getattr(profile, moment), name)[place]
                assert found == pytest.approx(10 ** getattr(expected, name), rel=ROUNDING)
    assert profile.theory == pytest.approx([0.125, 0.25, 0.5], rel=ROUNDING)


def test_one_seed_has_a_profile_without_a_band(tmp_path):
    write_run(tmp_path / "0", seeds=[3])
    profile = read(tmp_path).profiles[0]
    assert None not in profile.start.mean
    assert profile.start.low == profile.start.high == [None] * 3


@pytest.mark.parametrize("n", [2, 3, 4])
def test_too_few_seeds_for_a_band_have_a_line_each(n, tmp_path):
    frame, curves = tables = noisily(range(n))
    write_run(tmp_path / "0", seeds=range(n), tables=tables)
    found = read(tmp_path)
    start = [frame.filter(pl.col("step") == 0, pl.col("seed") == seed) for seed in range(n)]
    profiles = [rows.sort("layer")["delta_norm"].to_list()[:-1] for rows in start]
    kept = [curves.filter(pl.col("split") == "train", pl.col("seed") == s) for s in range(n)]
    losses = [rows.sort("epoch")["loss"].to_list() for rows in kept]
    profile, loss = found.profiles[0].start, found.curves[0]["train"].bands["loss"]
    assert len(profile.seeds) == len(loss.seeds) == (n if n < 4 else 0)
    if n < 4:
        assert np.allclose(profile.seeds, profiles, rtol=ROUNDING)
        assert np.allclose(loss.seeds, losses, rtol=ROUNDING)


def test_the_line_of_a_seed_has_a_gap_where_it_was_not_measured(tmp_path):
    frame, curves = noisily(range(2))
    gone = (pl.col("seed") == 0) & (pl.col("epoch") == 1)
    zero = (pl.col("seed") == 1) & (pl.col("layer") == 2) & (pl.col("step") == 0)
    frame = frame.with_columns(delta_norm=pl.when(zero).then(0.0).otherwise("delta_norm"))
    write_run(tmp_path / "0", seeds=range(2), tables=(frame, curves.filter(~gone)))
    found = read(tmp_path)
    first, second = found.curves[0]["train"].bands["loss"].seeds
    assert [value is None for value in first] == [False, True, False]
    assert None not in second
    assert found.profiles[0].start.seeds[1][1] is None


def test_a_heatmap_has_the_mean_logarithm_of_every_layer(tmp_path):
    frame, curves = noisily(range(3))
    write_run(tmp_path / "0", seeds=range(3), tables=(frame, curves))
    heatmap = read(tmp_path).heatmaps[0]
    assert (heatmap.layers, heatmap.steps) == ([1, 2, 3, 4], [0, 10, 20])
    expected = [
        [np.mean(logs(frame, step, layer)) for step in (0, 10, 20)] for layer in range(1, 5)
    ]
    assert np.allclose(heatmap.values, expected, atol=ROUNDING)


def test_curves_are_means_with_intervals(tmp_path):
    _, frame = tables = noisily(range(4))
    write_run(tmp_path / "0", seeds=range(4), tables=tables)
    curves = read(tmp_path).curves[0]
    assert set(curves) == {"train", "validation"}
    assert curves["train"].epochs == [1, 2, 3]
    for split, curve in curves.items():
        for name in ("loss", "accuracy"):
            for place, epoch in enumerate((0, 1, 2)):
                rows = frame.filter(pl.col("split") == split, pl.col("epoch") == epoch)
                expected = interval(rows[name], scale=scale_of(name, ROWS[split]))
                for bound in ("mean", "low", "high"):
                    found = getattr(curve.bands[name], bound)[place]
                    assert found == pytest.approx(getattr(expected, bound), rel=ROUNDING)


def test_a_metric_that_does_not_apply_is_left_out(tmp_path):
    write_run(tmp_path / "0")
    assert set(read(tmp_path, "r2").curves[0]["train"].bands) == {"loss"}
    assert set(read(tmp_path, "loss").curves[0]["train"].bands) == {"loss"}


def test_long_records_are_thinned_and_keep_both_ends(tmp_path):
    steps, epochs = range(0, 1000, 10), range(200)
    seeds = range(2)
    tables = layers(seeds, steps=steps), metrics(seeds, lambda _: 0.5, epochs)
    write_run(tmp_path / "0", seeds=seeds, tables=tables)
    found = read(tmp_path)
    shown = found.heatmaps[0].steps
    assert (len(shown), shown[0], shown[-1]) == (MAX_STEPS, 0, 990)
    assert max(np.diff(shown)) <= 50
    trained = found.curves[0]["validation"].epochs
    assert (len(trained), trained[0], trained[-1]) == (MAX_EPOCHS, 1, 200)
    expected = 10 ** np.mean(logs(tables[0], 990, 1))
    assert found.profiles[0].end.mean[0] == pytest.approx(expected, rel=ROUNDING)


def test_diverged_replicas_are_left_out_of_all_but_the_start(tmp_path):
    def norm(seed, step, layer):
        return math.nan if seed == 1 and step else 1000.0 if seed == 1 else noisy(seed, step, layer)

    write_run(tmp_path / "all", ["a=1"], range(3), diverged={1: 5},
              tables=(layers(range(3), norm=norm), metrics(range(3), lambda _: 0.5)))  # fmt: skip
    without = layers([0, 2], norm=noisy), metrics([0, 2], lambda _: 0.5)
    write_run(tmp_path / "rest", ["a=2"], [0, 2], tables=without)
    found = read(tmp_path)
    assert found.profiles[0].end == found.profiles[1].end
    start = 10 ** np.mean(
        [math.log10(noisy(0, 0, 1)), math.log10(1010), math.log10(noisy(2, 0, 1) * 1.02)]
    )
    assert found.profiles[0].start.mean[0] == pytest.approx(start, rel=ROUNDING)
    assert found.heatmaps[0] == found.heatmaps[1]
    assert (0, 1) not in found.units
    assert found.units[0, 2] == found.units[1, 2]


def test_of_a_run_that_diverged_the_start_is_shown(tmp_path):
    def norm(seed, step, layer):
        return math.nan if step else 0.1 * layer

    tables = layers(range(2), norm=norm), metrics(range(2), lambda _: math.nan)
    write_run(tmp_path / "0", seeds=range(2), diverged={0: 1, 1: 1}, tables=tables)
    found = read(tmp_path)
    assert found.profiles[0].start.mean == pytest.approx([0.1, 0.2, 0.3], rel=0.01)
    assert found.profiles[0].end is None
    assert found.heatmaps[0].values[0][1:] == [None, None]
    assert "accuracy" not in found.curves[0]["train"].bands


def test_where_nothing_comes_through_there_is_no_number(tmp_path):
    def norm(seed, step, layer):
        return 0.0 if layer < 3 else 1.0

    tables = layers(range(2), norm=norm), metrics(range(2), lambda _: 0.5)
    write_run(tmp_path / "0", seeds=range(2), tables=tables)
    profile = read(tmp_path).profiles[0]
    assert profile.start.mean[:2] == [None, None]
    assert profile.start.mean[2] == pytest.approx(1, rel=0.01)


def test_seeds_where_nothing_comes_through_are_known_by_moment(tmp_path):
    def norm(seed, step, layer):
        return 0.0 if layer == 1 and step and seed in (1, 2) else math.inf if seed == 3 else 1.0

    tables = layers(range(4), norm=norm), metrics(range(4), lambda _: 0.5)
    write_run(tmp_path / "0", diverged={2: 15}, tables=tables)
    assert read(tmp_path).zeros == {"start": set(), "end": {(0, 1)}}


def test_a_single_step_is_a_start_and_no_end(tmp_path):
    tables = layers(range(2), steps=[0]), metrics(range(2), lambda _: 0.5)
    write_run(tmp_path / "0", seeds=range(2), tables=tables)
    assert read(tmp_path).profiles[0].end is None


def test_a_linear_model_has_a_heatmap_and_no_profile(tmp_path):
    tables = layers(range(2), depth=0), metrics(range(2), lambda _: 0.5)
    write_run(tmp_path / "0", seeds=range(2), tables=tables)
    found = read(tmp_path)
    assert found.profiles == {}
    assert found.heatmaps[0].layers == [1]


def test_runs_of_one_configuration_are_taken_together(tmp_path):
    whole = noisily(range(4))
    write_run(tmp_path / "together" / "0", seeds=range(4), tables=whole)
    for place, seeds in enumerate(([0, 1], [2, 3])):
        parts = [frame.filter(pl.col("seed").is_in(seeds)) for frame in whole]
        write_run(tmp_path / "apart" / f"{place}_x", [f"seed={seeds[0]}"], seeds, tables=parts)
    one, other = read(tmp_path / "together"), read(tmp_path / "apart")
    assert one.profiles == other.profiles
    assert one.heatmaps == other.heatmaps
    assert one.curves == other.curves
    assert list(other.units) != list(one.units)
    assert other.units[1, 3] == one.units[0, 3]


def test_each_run_ends_with_a_step_of_its_own(tmp_path):
    for seed, steps in enumerate(([0, 10, 20], [0, 10])):
        tables = layers([seed], steps=steps, norm=noisy), metrics([seed], lambda _: 0.5)
        write_run(tmp_path / f"{seed}_x", [f"seed={seed}"], [seed], tables=tables)
    found = read(tmp_path)
    ends = [math.log10(noisy(0, 20, 1)), math.log10(noisy(1, 10, 1) * 1.01)]
    assert found.profiles[0].end.mean[0] == pytest.approx(10 ** np.mean(ends), rel=ROUNDING)
    assert set(found.units) == {(0, 0), (1, 1)}


def test_units_are_those_of_the_worst_hidden_layer_at_the_end(tmp_path):
    write_run(tmp_path / "0", seeds=[7])
    assert read(tmp_path).units == {
        (0, 7): {"dead_fraction": pytest.approx(0.5), "saturated_fraction": None}
    }


def test_a_table_that_cannot_be_read_is_like_none_and_is_named(tmp_path):
    write_run(tmp_path / "0_x", ["a=1"])
    write_run(tmp_path / "1_x", ["a=2"])
    (tmp_path / "0_x" / "layers.parquet").write_bytes(b"no")
    (tmp_path / "1_x" / "layers.parquet").unlink()
    found = read(tmp_path)
    assert (found.profiles, found.units) == ({}, {})
    assert set(found.curves) == {0, 1}
    assert list(found.unreadable) == [0]
    assert "layers.parquet must be a Parquet file" in found.unreadable[0]
