"""What a report says of runs whose results are known."""

import itertools
import json
import math
from dataclasses import astuple

import numpy as np
import polars as pl
import pytest
from scipy import stats

from deltaflow.comparison.collection import collect
from deltaflow.comparison.comparison import compare_runs
from deltaflow.comparison.configurations.configuration import Axis
from deltaflow.comparison.configurations.grouped_runs import Metric, group_runs
from deltaflow.comparison.configurations.ranked_configuration import Finding
from deltaflow.comparison.runs_table import runs_table
from deltaflow.comparison.series import table_series
from deltaflow.comparison.statistics.intervals import Scale, interval
from deltaflow.page.content import content
from deltaflow.records import LAYERS, Interval
from written import layers, metrics, write_run

SHORT = "trainer.max_epochs=3"
GAIN = {"relu": 0.0, "tanh": -0.1, "sigmoid": -0.4}


def accuracy_of(activation, depth):
    return lambda seed: (
        0.9
        + GAIN[activation]
        - 0.01 * depth
        + 0.03 * math.sin(9 * seed + depth * (1 + GAIN[activation]))
    )


def write_sweep(folder, seeds=range(4), depths=(2, 5), **fields):
    for number, (activation, depth) in enumerate(itertools.product(GAIN, depths)):
        overrides = [f"activation={activation}", f"network.depth={depth}", SHORT]
        write_run(
            folder / f"{number}_x", overrides, seeds, accuracy_of(activation, depth), **fields
        )
    return folder


def of(folder, baseline=None):
    return compare_runs(group_runs(collect([folder])), "Sweep", folder, baseline)


@pytest.fixture
def sweep(tmp_path):
    return write_sweep(tmp_path / "sweep")


def test_on_a_page_it_is_plain_data_with_short_numbers(sweep):
    found = content(of(sweep))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    number = found["runs"][1]["numbers"]["accuracy"]["mean"]
    assert number == float(f"{number:.4g}")


def test_it_says_what_was_compared(sweep):
    found = of(sweep)
    assert found.sentence == (
        "6 configurations × 4 seeds: activation (relu, tanh, sigmoid) × network.depth (2, 5), "
        "on iris with ce."
    )
    assert found.axes == [
        Axis("activation", ("relu", "tanh", "sigmoid")),
        Axis("network.depth", (2, 5)),
    ]
    assert found.metric == Metric("accuracy", "test")
    assert found.versions == "deltaflow 0.1.0, torch 2.13.0"
    assert (found.title, found.command) == ("Sweep", "python train.py -m swept")


def test_the_sentence_knows_partial_grids_single_runs_and_long_axes(tmp_path):
    sweep = write_sweep(tmp_path / "sweep")
    (sweep / "3_x" / "summary.json").unlink()
    assert "activation (relu, tanh, sigmoid), network.depth (2, 5)" in of(sweep).sentence
    assert of(sweep / "0_x").sentence == (
        "1 configuration × 4 seeds: activation=relu network.depth=2 trainer.max_epochs=3, "
        "on iris with ce."
    )
    for number in range(9):
        write_run(
            tmp_path / "many" / f"{number}_x", [f"optimizer.lr=0.{number + 1}"], range(number + 1)
        )
    assert of(tmp_path / "many").sentence == (
        "9 configurations × 1 to 9 seeds: optimizer.lr (0.1, 0.2, …, 0.9; 9 values), "
        "on iris with ce."
    )


def test_numbers_are_means_with_intervals_over_seeds(sweep):
    run = of(sweep).ranking[0]
    assert run.label == "activation=relu network.depth=2"
    assert run.numbers["accuracy"] == interval(
        map(accuracy_of("relu", 2), range(4)), scale=Scale(0, 1, rows=30)
    )
    numbers = run.numbers
    assert numbers["decay_rate_start"].mean == pytest.approx(0.5)
    assert numbers["vanishing_index_start"].mean == pytest.approx(2 * math.log10(2), rel=1e-3)
    assert numbers["predicted_decay_rate"].mean == pytest.approx(0.5)
    assert numbers["theory_error"].mean == pytest.approx(0.0064, rel=0.02)
    assert astuple(numbers["dead_fraction_end"]) == pytest.approx((0.5, 0.5, 0.5, 4, True))
    assert numbers["saturated_fraction_end"].n == 0
    assert numbers["wall_seconds"] == Interval(2.0, None, None, 1)
    assert [quantity.name for quantity in of(sweep).quantities] == list(numbers)


def test_the_best_comes_first_and_is_what_others_are_compared_with(sweep):
    found = of(sweep)
    means = [run.numbers["accuracy"].mean for run in found.ranking]
    assert means == sorted(means, reverse=True)
    assert found.baseline == found.ranking[0].number == 0
    assert found.ranking[0].difference is None
    last = found.ranking[-1]
    own, best = (
        [accuracy_of(*key)(seed) for seed in range(4)] for key in (("sigmoid", 5), ("relu", 2))
    )
    expected = stats.ttest_rel(own, best)
    assert last.difference.mean == pytest.approx(np.mean(own) - np.mean(best), rel=1e-3)
    assert last.difference.p == pytest.approx(expected.pvalue, rel=1e-3)
    assert last.difference.n == 4
    assert last.difference.p_holm > 5 * last.difference.p


def test_configurations_are_ranked_by_the_share_of_seeds_they_lost_before_the_mean_of_the_rest(
    sweep,
):
    write_run(sweep / "8_x", ["activation=selu", "network.depth=2", SHORT],
              accuracy=lambda _: 0.97, diverged={0: 1, 1: 1})  # fmt: skip
    write_run(sweep / "9_x", ["activation=gelu", "network.depth=2", SHORT],
              accuracy=lambda _: 0.99, diverged={0: 1, 1: 1, 2: 1})  # fmt: skip
    found = of(sweep)
    assert [run.number for run in found.ranking][-2:] == [8, 9]
    assert [run.n_lost for run in found.ranking][-2:] == [2, 3]
    assert found.baseline == 0
    assert found.ranking[-1].difference.p is None
    assert any(note.startswith("2 configurations lost seeds") for note in found.notes)


def test_a_seed_that_failed_is_lost_as_one_that_diverged(tmp_path):
    for number, (a, seed, fields) in enumerate(
        [(1, 0, {}), (1, 1, {"error": "no"}), (2, 0, {}), (2, 1, {}), (3, 0, {}), (3, 1, {})]
    ):
        accuracy = {1: 0.99, 2: 0.8, 3: 0.9}[a]
        overrides = [f"a={a}", f"seed={seed}"]
        write_run(tmp_path / f"{number}_x", overrides, [seed], lambda _, v=accuracy: v, **fields)
    found = of(tmp_path)
    assert [run.label for run in found.ranking] == ["a=3", "a=2", "a=1"]
    assert [(run.n_lost, run.n_seeds) for run in found.ranking] == [(0, 2), (0, 2), (1, 2)]


def test_seeds_that_learnt_too_little_are_lost_too(tmp_path):
    """A high mean of some seeds is not worth more than a lower one that all of them reach."""
    few = [{"kind": "failed_seeds", "words": "1 of 4", "numbers": {"n_failed": 1, "n_seeds": 4}}]
    write_run(tmp_path / "0_x", ["a=1"], accuracy=lambda s: 0.2 if s == 3 else 1.0, verdicts=few)
    write_run(tmp_path / "1_x", ["a=2"], accuracy=lambda _: 0.7)
    found = of(tmp_path)
    assert [(run.label, run.n_lost) for run in found.ranking] == [("a=2", 0), ("a=1", 1)]
    assert any("learnt far less than the best" in note for note in found.notes)


def write_overlap(folder):
    """Two sweeps of one configuration, with three seeds in common."""
    for name, seeds, seconds in (("a", range(4), 4.0), ("b", range(1, 7), 12.0)):
        tables = layers(seeds), metrics(seeds, lambda seed: seed / 10)
        write_run(folder / name / "0_x", ["a=1"], seeds, tables=tables, wall_seconds=seconds)


def test_a_seed_that_two_sweeps_have_counts_once(tmp_path):
    write_overlap(tmp_path / "twice")
    tables = layers(range(7)), metrics(range(7), lambda seed: seed / 10)
    write_run(tmp_path / "once" / "0_x", ["a=1"], range(7), tables=tables)
    ((twice,), (once,)) = (of(tmp_path / name).ranking for name in ("twice", "once"))
    assert (twice.profile, twice.heatmap, twice.curves) == (
        once.profile, once.heatmap, once.curves
    )  # fmt: skip
    assert twice.n_seeds == 7
    flow = [name for name in once.numbers if name != "wall_seconds"]
    assert [twice.numbers[name].n for name in flow if once.numbers[name].n == 7] != []
    for name in ("accuracy", "decay_rate_end", "dead_fraction_end"):
        assert twice.numbers[name] == once.numbers[name]
    assert twice.numbers["wall_seconds"].mean == pytest.approx(4 + 12 * 3 / 6)
    grouped = group_runs(collect([tmp_path / "twice"]))
    table = runs_table(grouped, tmp_path)
    assert table["seed"].sort().to_list() == list(range(7))
    assert table.filter(table["seed"] == 2)["directory"].to_list() == ["twice/a/0_x"]
    notes = of(tmp_path / "twice").notes
    assert any(note.startswith("3 networks trained again, with the conf") for note in notes)


def test_what_has_few_seeds_is_not_what_others_are_compared_with(sweep):
    write_run(sweep / "9_x", ["activation=gelu", "network.depth=2", SHORT], [0], lambda _: 0.99)
    found = of(sweep)
    assert [run.number for run in found.ranking][:2] == [9, 0]
    assert found.baseline == 0
    assert found.ranking[0].difference.p is None
    assert all(run.difference.p is not None for run in found.ranking[2:])
    said = "the best with at least 2 seeds", "all 15 pairs"
    assert any(all(words in note for words in said) for note in found.notes)


@pytest.mark.parametrize(
    ("sizes", "number"), [((7, 8, 16), 1), ((7, 7, 16), 2), ((1, 2, 1), 1), ((1, 1, 1), 0)]
)
def test_a_baseline_that_is_picked_has_half_of_the_most_seeds(tmp_path, sizes, number):
    for place, n in enumerate(sizes):
        best_first = 0.9 - 0.1 * place
        write_run(tmp_path / f"{place}_x", [f"a={place}"], range(n), lambda _, v=best_first: v)
    assert of(tmp_path).baseline == number


@pytest.mark.parametrize(
    ("baseline", "number"),
    [
        ("activation=tanh network.depth=5", 3),
        ("depth=5 tanh", 3),
        ("activation=tanh network.depth=5.0", 3),
        ("tanh network.depth=2", 2),
    ],
)
def test_a_baseline_can_be_named(sweep, baseline, number):
    found = of(sweep, baseline)
    assert found.baseline == number
    by_id = {run.number: run for run in found.ranking}
    assert by_id[number].difference is None
    tested = sorted(run.difference.p for run in found.ranking if run.difference)
    assert min(run.difference.p_holm for run in found.ranking if run.difference) == (
        pytest.approx(5 * tested[0], rel=1e-3)
    )
    assert any("Holm for 5 comparisons" in note for note in found.notes)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("swish", "Found `swish`, which none has. There are `activation=relu network.depth=2`, "),
        ("", "Found ``, which none has"),
        ("activation=tanh", "Found 2 for `activation=tanh`: `activation=tanh network.depth=2`, "),
        ("network.depth=20", "Found `network.depth=20`, which none has"),
        ("activation=failed", "Found none for `activation=failed`"),
    ],
)
def test_a_baseline_that_is_none_is_refused(sweep, baseline, message):
    write_run(sweep / "9_x", ["activation=failed", "network.depth=2", SHORT], error="no")
    with pytest.raises(ValueError, match="A baseline must") as caught:
        of(sweep, baseline)
    assert message in str(caught.value)


def test_effects_are_averaged_over_the_other_axes(sweep):
    effects = {(e.axis.name, one.value): one for e in of(sweep).effects for one in e.effects}
    assert list(effects) == [
        ("activation", "relu"), ("activation", "tanh"), ("activation", "sigmoid"),
        ("network.depth", 2), ("network.depth", 5),
    ]  # fmt: skip
    per_seed = [
        np.mean([accuracy_of("tanh", depth)(seed) for depth in (2, 5)]) for seed in range(4)
    ]
    expected = interval(per_seed, scale=Scale(0, 1, rows=2 * 30))
    assert astuple(effects["activation", "tanh"].interval) == pytest.approx(astuple(expected))


def test_all_that_can_happen_to_a_run_is_a_row_with_its_reason(sweep):
    write_run(sweep / "6_x", ["activation=gelu", "network.depth=2"], error="Found -1.")
    lost = dict.fromkeys(range(4), 7)
    write_run(sweep / "7_x", ["activation=gelu", "network.depth=5"], diverged=lost)
    write_run(sweep / "8_x", ["activation=silu", "network.depth=2"], diverged={2: 9, 3: 5})
    write_run(sweep / "9_x", ["activation=silu", "network.depth=5"], status="running",
              replicas=[], metrics={}, flow={})  # fmt: skip
    write_run(sweep / "10_x", ["activation=elu", "network.depth=5"])
    (sweep / "10_x" / "summary.json").write_text("{")
    runs = {run.number: run for run in of(sweep).ranking}
    assert list(runs)[-4:] == [7, 6, 10, 9]
    said = {number: (run.status, run.reason) for number, run in runs.items()}
    assert said[0] == ("completed", None)
    assert said[6] == ("failed", "Found -1.")
    assert said[7] == ("diverged", "all 4 seeds diverged, the first at step 7")
    assert said[8] == ("completed", None)
    assert said[9][0] == "running"
    assert said[9][1].startswith("not ended yet, on not-")
    assert said[10][0] == "failed"
    assert "must hold a readable summary.json" in said[10][1]
    assert (runs[8].n_seeds, runs[8].n_diverged) == (4, 2)
    assert runs[8].numbers["accuracy"].n == 2
    assert runs[7].numbers["accuracy"] == Interval(None, None, None, 0)
    assert runs[7].difference is runs[6].difference is None
    assert runs[6].profile is runs[6].heatmap is None
    assert runs[6].curves == {}
    assert runs[9].profile.end  # what it had measured so far
    notes = " ".join(of(sweep).notes)
    assert "6 of 32 networks diverged" in notes
    assert "2 runs failed, 1 run not ended yet: without results." in notes


def test_what_is_of_the_start_is_over_all_seeds_and_the_rest_over_those_that_did_not_diverge(
    tmp_path,
):
    def norm(seed, step, layer):
        return math.inf if seed > 1 and step else (2.0 + seed) ** (4 - layer)

    tables = layers(range(4), norm=norm), metrics(range(4), lambda s: 0.5 + 0.1 * s)
    write_run(tmp_path / "0_x", ["a=1"], diverged={2: 3, 3: 3}, tables=tables)
    lost = dict.fromkeys(range(4), 3)
    write_run(tmp_path / "1_x", ["a=2"], diverged=lost, tables=tables)
    found = of(tmp_path)
    for run, n in zip(found.ranking, (2, 0), strict=True):
        assert run.numbers["decay_rate_start"].mean == pytest.approx(120**0.25, rel=1e-3)
        assert run.numbers["vanishing_index_start"].n == 4
        counted = ("accuracy", "decay_rate_end", "vanishing_index_end", "dead_fraction_end")
        assert [run.numbers[name].n for name in counted] == [n] * 4
    note = next(note for note in found.notes if "networks diverged" in note)
    assert note.startswith("6 of 8 networks diverged. What is of the start is over all seeds; ")


def write_zeros(folder):
    """Of four seeds one diverged, and δ became 0 in two of the others."""

    def norm(seed, step, layer):
        return 0.0 if seed < 2 and step and layer < 3 else math.nan if seed > 2 and step else 0.5

    tables = layers(range(4), norm=norm), metrics(range(4), lambda s: 0.5 + 0.1 * s)
    return write_run(folder, ["a=1"], diverged={3: 3}, tables=tables)


def test_seeds_that_no_signal_reaches_are_counted_and_not_only_left_out(tmp_path):
    write_zeros(tmp_path / "0_x")
    write_run(tmp_path / "1_x", ["a=2"])
    found = of(tmp_path)
    zero, other = sorted((run for run in found.ranking), key=lambda run: run.number)
    assert zero.n_zero == {"start": 0, "end": 2}
    assert other.n_zero == {"start": 0, "end": 0}
    assert zero.numbers["vanishing_index_end"].n == 1
    (note,) = [note for note in found.notes if note.startswith("δ is 0")]
    assert note.startswith("δ is 0 in 2 networks of 1 configuration at the end: ")


def test_of_losses_the_lowest_is_best(tmp_path):
    for number, scale in enumerate((3, 1, 2)):
        frame = metrics(range(2), lambda _: None)
        frame = frame.with_columns(frame["loss"] * scale)
        write_run(
            tmp_path / f"{number}_x", [f"a={scale}"], range(2), tables=(layers(range(2)), frame)
        )
    found = of(tmp_path)
    assert found.metric == Metric("loss", "test")
    assert not found.metric.higher_is_better
    assert [run.label for run in found.ranking] == ["a=1", "a=2", "a=3"]


def test_without_a_test_part_the_last_epoch_decides(tmp_path):
    for number, accuracy in enumerate((0.5, 0.7)):
        frame = metrics(range(2), lambda _, value=accuracy: value)
        frame = frame.filter(frame["split"] != "test")
        write_run(
            tmp_path / f"{number}_x", [f"a={number}"], range(2), tables=(layers(range(2)), frame)
        )
    found = of(tmp_path)
    assert found.metric.moment == "final"
    assert found.quantities[0].title == "final accuracy"
    assert found.ranking[0].label == "a=1"
    assert "Without a test part, runs are ranked by the last epoch." in found.notes


def test_seeds_may_be_swept_like_anything_else(tmp_path, sweep):
    for number, (activation, depth, seed) in enumerate(itertools.product(GAIN, (2, 5), range(4))):
        overrides = [f"activation={activation}", f"network.depth={depth}", f"seed={seed}"]
        write_run(tmp_path / "other" / f"{number}_x", [*overrides, SHORT], [seed],
                  accuracy_of(activation, depth))  # fmt: skip
    one, other = of(sweep), of(tmp_path / "other")
    assert other.sentence == one.sentence
    assert other.effects == one.effects
    for own, of_other in zip(one.ranking, other.ranking, strict=True):
        assert own.label == of_other.label
        assert own.difference == of_other.difference
        assert own.numbers["accuracy"] == of_other.numbers["accuracy"]
        assert own.profile == of_other.profile
    assert other.ranking[0].name == "0_x and 3 more"
    assert other.ranking[0].numbers["wall_seconds"].mean == 8.0


def test_of_swept_seeds_one_may_fail(tmp_path):
    for seed, fields in enumerate(({}, {"error": "no"}, {"diverged": {2: 9}})):
        write_run(tmp_path / f"{seed}_x", ["a=1", f"seed={seed}"], [seed], **fields)
    (run,) = of(tmp_path).ranking
    assert (run.status, run.reason) == ("completed", "1 of 3 runs failed: no")
    assert (run.n_seeds, run.n_diverged, run.numbers["accuracy"].n) == (3, 1, 1)
    (run,) = of(tmp_path / "2_x").ranking
    assert (run.status, run.reason) == ("diverged", "diverged at step 9")


def test_one_seed_has_no_interval_and_the_notes_say_why(tmp_path):
    found = of(write_sweep(tmp_path, seeds=[5]))
    assert found.ranking[0].numbers["accuracy"].low is None
    assert found.ranking[1].difference.p is None
    assert {one.interval.low for axis in found.effects for one in axis.effects} == {None}
    assert found.notes[0].startswith("One seed: no intervals and no tests, for one value")
    assert not any("Holm" in note for note in found.notes)


def test_the_notes_say_what_a_reader_must_know(sweep):
    notes = of(sweep).notes
    assert notes[0] == (
        "Intervals are 95 % by Student's t (Korn and Graubard's for shares of rows) over seeds, "
        "unadjusted."
    )
    assert notes[1].startswith("The best of 6 looks better than it is")
    assert "`seed=4`" in notes[1]
    assert "corrected by Holm for all 15 pairs" in notes[2]
    assert notes[3].startswith("All seeds share one split of the data")
    assert len(notes) == 5


def test_of_two_configurations_there_is_one_pair(tmp_path):
    for number in range(2):
        write_run(tmp_path / f"{number}_x", [f"a={number}"], accuracy=lambda s, n=number: s**n / 9)
    assert any("corrected by Holm for the 1 pair, as" in note for note in of(tmp_path).notes)


def test_a_sweep_over_splits_is_not_told_that_there_is_one(tmp_path):
    for split in range(3):
        write_run(tmp_path / f"{split}_x", [f"data.split_seed={split}"])
    assert not any("share one split" in note for note in of(tmp_path).notes)


def test_many_intervals_are_told_how_many_miss(tmp_path):
    for number in range(40):
        write_run(
            tmp_path / f"{number}_x", [f"a={number}"], accuracy=lambda s, n=number: s * n / 200
        )
    assert "about 2 of these 40 miss their mean" in of(tmp_path).notes[0]


def test_what_is_not_whole_is_noted(sweep, tmp_path):
    (sweep / "1_x" / "summary.json").unlink()  # relu at depth 5
    (sweep / "2_x" / "layers.parquet").write_bytes(b"none")
    write_run(sweep / "7_x", ["activation=tanh", "network.depth=2", SHORT], error="no")
    found = of(sweep)
    notes = found.notes
    over = "combinations of the other axes, not over 1 without a result of"
    assert f"The effect of activation is over 1 of 2 {over} `relu`." in notes
    assert f"The effect of network.depth is over 2 of 3 {over} `5`." in notes
    effects = {axis.axis.name: (axis.n_cells, axis.n_all) for axis in found.effects}
    assert effects == {"activation": (1, 2), "network.depth": (2, 3)}
    assert "1 run left out, with the same configuration and seeds as another." in notes
    assert any(note.startswith("Tables of 1 configuration cannot be read") for note in notes)
    runs = {run.number: run for run in of(sweep).ranking}
    assert 7 not in runs
    assert runs[2].profile is None
    assert runs[2].curves["train"].bands["loss"]


def test_combinations_that_do_not_count_are_told_by_what_they_lack(sweep):
    lost = dict.fromkeys(range(1, 4), 3)
    for number, (activation, depth, fields) in enumerate(
        [("relu", 9, {"diverged": lost}), ("tanh", 9, {}), ("sigmoid", 9, {}), ("tanh", 7, {}),
         ("gelu", 9, {"error": "no"})]
    ):  # fmt: skip
        overrides = [f"activation={activation}", f"network.depth={depth}", SHORT]
        write_run(sweep / f"1{number}_x", overrides, **fields)
    notes = of(sweep).notes
    assert "There is no effect of activation `gelu`: no result has it." in notes
    assert (
        "The effect of activation is over 2 of 4 combinations of the other axes, not over 1 "
        "without a result of `relu` (1) or `sigmoid` (1) and 1 where too few seeds have a result "
        "with all of its values."
    ) in notes


def test_an_axis_whose_values_never_meet_is_told_to_have_no_effect(tmp_path):
    for number, values in enumerate((["a=1", "b=1"], ["a=2", "b=2"])):
        write_run(tmp_path / f"{number}_x", values)
    assert (
        "The effect of a is left out: no combination of the other axes counts, with 2 without a "
        "result of `1` (1) or `2` (1)."
    ) in of(tmp_path).notes


def test_nothing_but_failures_is_a_report_too(tmp_path):
    for number in range(2):
        write_run(tmp_path / f"{number}_x", [f"a={number}"], error="no space")
    found = of(tmp_path)
    assert (found.baseline, [axis.effects for axis in found.effects]) == (None, [()])
    assert "No run has a result yet: there is nothing to rank." in found.notes
    assert [run.status for run in found.ranking] == ["failed", "failed"]


def write_regression(folder, **choices):
    """Regression has r2 where classes have an accuracy."""
    for number in range(3):
        frame = metrics(range(4), lambda s, n=number: (0.5 + 0.1 * s) if n else None)
        frame = frame.with_columns(r2=pl.lit(None if number else 0.7, pl.Float64))
        chosen = {"loss": "mse"} | (choices if not number else {})
        write_run(folder / f"{number}_x", [f"data={number or 'sine'}"], choices=chosen,
                  tables=(layers(range(4)), frame))  # fmt: skip
    return of(folder)


def test_configurations_without_a_common_metric_are_ranked_by_a_loss_that_all_have(tmp_path):
    found = write_regression(tmp_path)
    assert found.metric == Metric("loss", "test", replaced="accuracy")
    assert all(run.numbers["loss"].n == 4 for run in found.ranking)
    said = "1 configuration without accuracy: all are ranked by loss, which each of them has."
    assert said in found.notes
    assert any(note.startswith("Runs on different data") for note in found.notes)


def test_losses_of_different_kinds_are_not_ranked_and_the_reason_is_true(tmp_path):
    found = write_regression(tmp_path, loss="ce")
    assert found.metric.name == "accuracy"
    last = found.ranking[-1]
    assert (last.label, last.status) == ("data=sine", "completed")
    assert last.reason == "no test accuracy, but test loss and r2"
    assert last.numbers["decay_rate_start"].n == 4
    assert "1 configuration completed without test accuracy: not ranked." in found.notes
    assert [run.reason for run in found.ranking[:2]] == [None, None]


def test_strings_are_kept_as_they_are(tmp_path):
    text = "</script><script>alert('1')</script>\n\u2028🧪 '"
    write_run(tmp_path / "0_x", [f"a={text}"], command=["train.py", text])
    write_run(tmp_path / "1_x", ["a=1"], error=text)
    found = of(tmp_path)
    assert found.ranking[0].label == f"a={text}"
    assert found.ranking[1].reason == text
    assert found.axes[0].values == (1, text)
    assert "alert" in found.ranking[0].command


def test_each_run_has_its_command_and_its_configuration(sweep):
    run = of(sweep).ranking[0]
    assert run.command == ("python train.py activation=relu network.depth=2 trainer.max_epochs=3")
    assert run.config.startswith("seed: 0\nn_seeds: 4\nactivation: relu\n")
    assert run.findings == [Finding("healthy", "Gradients flow.")]
    assert run.directory == "0_x"


def test_each_table_is_read_once(sweep, monkeypatch):
    runs, read = collect([sweep]), []
    whole = table_series.read_columns
    monkeypatch.setattr(
        table_series,
        "read_columns",
        lambda directory, schema, columns: (
            read.append((directory, schema.name)) or whole(directory, schema, columns)
        ),
    )
    group_runs(runs)
    assert len(read) == len(set(read)) == 12


def test_runs_without_diagnostics_have_results_and_no_flow(tmp_path):
    for number in range(2):
        tables = LAYERS.frame({}), metrics(range(2), lambda s, n=number: 0.5 + 0.1 * n)
        write_run(tmp_path / f"{number}_x", [f"a={number}"], range(2), tables=tables)
    write_run(tmp_path / "2_x", ["a=2"], range(2))
    runs = {run.number: run for run in of(tmp_path).ranking}
    assert runs[1].numbers["accuracy"].mean == 0.6
    assert runs[1].numbers["vanishing_index_start"].mean is None
    assert (runs[1].profile, runs[1].heatmap) == (None, None)
    assert runs[1].curves["train"]
    assert runs[2].profile


def test_the_confusion_of_a_configuration_is_that_of_all_its_runs(tmp_path):
    def confusion(counts, part="test"):
        return {"part": part, "classes": ["a", "b"], "counts": counts}

    write_run(tmp_path / "0", ["x=1"], [0], confusion=confusion([[3, 1], [0, 4]]))
    write_run(tmp_path / "1", ["x=1"], [1], confusion=confusion([[2, 2], [1, 3]]))
    write_run(tmp_path / "2", ["x=2"], [0], confusion=confusion([[4, 0], [0, 4]]))
    write_run(tmp_path / "3", ["x=2"], [1], confusion=confusion([[4, 0], [0, 4]], "validation"))
    grouped = group_runs(collect([tmp_path]))
    one, other = sorted(compare_runs(grouped, "", tmp_path).ranking, key=lambda run: run.number)
    assert one.confusion.counts == [[5, 3], [1, 7]]
    assert other.confusion is None  # of other rows: no sum
    assert one.results == []


def test_a_run_alone_is_titled_by_what_it_is(tmp_path):
    write_run(tmp_path / "0", ["trainer.max_epochs=3"])
    found = compare_runs(group_runs(collect([tmp_path])), "Run", tmp_path)
    assert found.heading == "Relu network of 3 hidden layers on iris"
    assert [row.title for row in found.ranking[0].results][-1] == "test, last"
