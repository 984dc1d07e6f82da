"""Folds on the replica axis: each against the single run on the same rows."""

import numpy as np
import polars as pl
import pytest
import torch

from deltaflow.commands.api import compare
from deltaflow.comparison.collection import collect
from deltaflow.comparison.comparison import compare_runs
from deltaflow.comparison.configurations.grouped_runs import group_runs
from deltaflow.data import preparation, replicas
from deltaflow.experiment.results.result import load_run
from running import run, run_all

SHORT = ["trainer.max_epochs=3", "logger=none", "network.width=8", "data.folds=5"]
KINDS = {
    "classes": ["data=iris", "network.dropout=0.2"],
    "numbers": ["data=diabetes", "loss=mse", "optimizer.lr=0.01", "data.split=[1,0,0]"],
    "full batch": ["data=wine", "data.batch_size=null", "optimizer=adam", "optimizer.lr=0.01",
                   "loss.class_weight=balanced", "data.label_noise=0.2"],
    "stopping": ["data=iris", "trainer.precision=64-true", "trainer.max_epochs=12",
                 "trainer.early_stopping.patience=1", "trainer.early_stopping.metric=accuracy"],
}  # fmt: skip


@pytest.fixture(scope="module", params=KINDS)
def folded(request, tmp_path_factory):
    """The settings of a run with folds, and the run."""
    settings = [*SHORT, *KINDS[request.param], "seed=3"]
    return settings, run([*settings, "n_seeds=2"], tmp_path_factory.mktemp("folds") / "run")


def test_each_fold_has_the_numbers_of_a_lone_run(folded, tmp_path, monkeypatch):
    settings, made = folded
    for fold in range(5):

        def one(samples, shares, seeds, folds, fold=fold):
            return preparation.splits(samples, shares, seeds, 5)[fold : fold + 1]

        with monkeypatch.context() as patch:
            patch.setattr(replicas, "splits", one)
            lone = run([*settings[:3], *settings[4:], "n_seeds=1"], tmp_path / str(fold))
        for name, columns in (("metrics", 5), ("layers", 8)):
            whole = getattr(made, name).filter(pl.col("fold") == fold, pl.col("seed") == 3)
            alone = getattr(lone, name).drop("fold")
            for column in alone.columns[:columns]:
                one_column, other = whole[column], alone[column]
                if one_column.dtype == pl.Float64:
                    np.testing.assert_allclose(one_column, other, rtol=2e-3, atol=1e-5)
                else:
                    assert one_column.to_list() == other.to_list()
        stops = [one.record.replicas[r].stopped_at_step for one, r in ((made, fold), (lone, 0))]
        assert stops[0] == stops[1]
        network = made.network.replica(fold)
        for own, other in zip(
            network.parameters(), lone.network.replica(0).parameters(), strict=True
        ):
            torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-5)


def test_the_records_say_which_replica_has_which_fold(folded):
    _, made = folded
    pairs = [(replica.seed, replica.fold) for replica in made.record.replicas]
    assert pairs == [(seed, fold) for seed in (3, 4) for fold in range(5)]
    assert made.record.folds == 5
    assert set(made.layers.select("seed", "fold").rows()) == set(pairs)
    again = load_run(made.directory)
    assert again.record == made.record


@pytest.mark.parametrize("folded", ["stopping"], indirect=True)
def test_the_records_of_a_fold_end_where_it_stopped(folded):
    _, made = folded
    own, epoch_steps = ["seed", "fold"], 6  # 90 training rows, 16 a step
    steps = made.layers.group_by(own).agg(last=pl.col("step").max() + 1).sort(own)
    epochs = made.metrics.filter(pl.col("split") == "validation").group_by(own)
    epochs = epochs.agg(last=pl.col("epoch").max() + 1).sort(own)
    stops = [one.stopped_at_step or made.record.n_steps for one in made.record.replicas]
    assert steps["last"].to_list() == stops
    assert (epochs["last"] * epoch_steps).to_list() == stops
    assert len(set(stops[:5])) > 1  # of one seed, or nothing is shown
    for one in made.record.replicas:
        row = made.metrics.filter(pl.col("seed") == one.seed, pl.col("fold") == one.fold)
        last = row.filter(pl.col("split") == "validation").sort("epoch").tail(1)
        assert one.final["accuracy"] == last["accuracy"].item()


def test_predictions_are_of_each_networks_own_preprocessing(folded):
    _, made = folded
    ensemble = load_run(made.directory).ensemble
    rows = np.random.default_rng(0).standard_normal((4, len(ensemble.preprocessing.center)))
    found = ensemble.values(rows)
    for r, one in enumerate(ensemble.preprocessings):
        inputs = torch.from_numpy(one.inputs(rows)).to(ensemble.dtype)
        outputs = ensemble.head.values(made.network.replica(r)(inputs).double())[None]
        if not one.classes:
            outputs = outputs * torch.tensor(one.target_scale) + torch.tensor(one.target_center)
        torch.testing.assert_close(found[r], outputs[0], rtol=1e-5, atol=1e-6)
    assert len({tuple(one.center) for one in ensemble.preprocessings}) == 5


def test_a_ranking_has_a_row_for_each_configuration(tmp_path):
    short = [*SHORT, "trainer.max_epochs=2", "n_seeds=2"]
    made = run_all([[*short, "activation=relu"], [*short, "activation=tanh"]], tmp_path)
    assert made[0].record.stack == ["0", "1"]
    found = compare(made).comparison
    assert len(found.ranking) == 2
    assert "2 seeds × 5 folds" in found.sentence
    assert any("Nadeau and Bengio" in note for note in found.notes)
    number = found.ranking[0].numbers["accuracy"]
    best = next(one for one in made if one.directory.name == str(found.ranking[0].number))
    assert number == pytest.approx(best.record.metrics["test"]["accuracy"])
    assert found.ranking[1].difference.n == 10


def test_a_report_counts_networks_where_each_seed_has_several(folded):
    made = folded[1].directory
    found = compare_runs(group_runs(collect([made])), "Folds", made)
    (ranked,) = found.ranking
    assert (ranked.n_seeds, ranked.each, ranked.numbers[found.metric.name].n) == (10, "network", 10)
