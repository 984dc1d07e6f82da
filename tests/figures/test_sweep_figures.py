"""What the figures of a report show, read back from their axes."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from matplotlib import image

from deltaflow.comparison.collection import collect
from deltaflow.comparison.comparison import compare_runs
from deltaflow.comparison.configurations.configuration import Axis
from deltaflow.comparison.configurations.grouped_runs import Metric, group_runs
from deltaflow.figures.labels import plain, wrapped
from deltaflow.figures.looks import main_lines
from deltaflow.figures.small_multiples import MAX_RUNS, curves, heatmaps, profiles
from deltaflow.figures.sweep_figures import decay, effects, write_figures
from deltaflow.system.child_processes.second_process import SecondProcess
from written import layers, metrics, write_run

pytestmark = pytest.mark.usefixtures("real_pictures")

NAMES = ["curves", "decay", "effects", "heatmaps", "profiles"]
EVIL = "$\\frac{x}$ _^{ </script> 🧪 漢 \n new"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A comparison of six runs of depths 2 and 4, that lose δ at three rates."""
    folder = tmp_path_factory.mktemp("sweep")
    for number, (rate, depth) in enumerate([(r, d) for r in (0.3, 0.6, 0.9) for d in (2, 4)]):
        seeds = range(3)
        tables = layers(seeds, depth, rate), metrics(seeds, lambda s, r=rate: r + 0.01 * s)
        write_run(folder / f"{number}_x", [f"init.gain={rate}", f"network.depth={depth}"], seeds,
                  tables=tables)  # fmt: skip
    return compare_runs(group_runs(collect([folder])), "Sweep", folder)


def titled(figure):
    """The panels of a figure by their titles."""
    return {axes.get_title(loc="left").replace("\n", " "): axes for axes in figure.axes}


def test_profiles_are_the_comparisons_on_one_scale(found):
    panels = titled(profiles(found))
    assert len(panels) == 6
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in panels.values()}
    assert len(limits) == 1
    for rank, run in enumerate(found.ranking, start=1):
        axes = panels[f"{rank}. {run.label}"]
        start, end, theory = main_lines(axes)
        assert start.get_ydata().tolist() == run.profile.start.mean
        assert end.get_ydata().tolist() == run.profile.end.mean
        assert theory.get_ydata().tolist() == run.profile.theory
        assert start.get_xdata().tolist() == run.profile.layers
        assert (axes.get_yscale(), theory.get_linestyle()) == ("log", ":")
        bottom, top = axes.get_ylim()
        assert bottom < min(start.get_ydata()) < max(start.get_ydata()) < top


@pytest.mark.parametrize("figure", [profiles, curves])
def test_below_four_seeds_each_has_a_line_and_nothing_a_band(figure, found, tmp_path):
    drawn = figure(found)
    for axes in drawn.axes:
        thin = [line for line in axes.lines if line not in main_lines(axes)]
        assert len(thin) == 6  # three seeds, twice
        assert not axes.collections
    said = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert said[-1] == "each seed"
    write_run(tmp_path / "0", seeds=range(4))
    drawn = figure(compare_runs(group_runs(collect([tmp_path])), "", tmp_path))
    axes, legend = drawn.axes[0], drawn.legends[0]
    assert len(main_lines(axes)) == len(axes.lines)
    assert len(axes.collections) == 2
    assert legend.get_texts()[-1].get_text() == "95 % interval of the mean"


def test_heatmaps_share_one_scale_of_colours(found):
    panels = titled(heatmaps(found))
    scales = set()
    for rank, run in enumerate(found.ranking, start=1):
        (mesh,) = panels[f"{rank}. {run.label}"].collections
        scales.add((mesh.norm.vmin, mesh.norm.vmax))
        assert np.allclose(mesh.get_array(), run.heatmap.values)
    values = [v for run in found.ranking for row in run.heatmap.values for v in row]
    assert scales == {(min(values), max(values))}


def test_where_there_is_no_signal_a_heatmap_is_grey_and_says_so(found):
    changed = copy.deepcopy(found)
    changed.ranking[0].heatmap.values[0][0] = None
    changed.ranking[1].heatmap.values[0][0] = -300.0
    figure = heatmaps(changed)
    (mesh,) = figure.axes[0].collections
    assert mesh.get_array().mask[0, 0]
    assert mesh.norm.vmin == pytest.approx(mesh.norm.vmax - 12)  # the rest keeps its contrast
    assert any("grey" in text.get_text() for text in figure.texts)
    assert not any("grey" in text.get_text() for text in heatmaps(found).texts)


def test_curves_are_the_metrics_in_training_and_validation(found):
    panels = titled(curves(found))
    for rank, run in enumerate(found.ranking, start=1):
        train, validation = main_lines(panels[f"{rank}. {run.label}"])
        assert train.get_ydata().tolist() == run.curves["train"].bands["accuracy"].mean
        assert validation.get_ydata().tolist() == run.curves["validation"].bands["accuracy"].mean
        assert train.get_xdata().tolist() == [1, 2, 3]
    loss = replace(found, metric=Metric("loss", "test"))
    assert {axes.get_yscale() for axes in curves(loss).axes} == {"log"}


def test_a_curve_that_falls_off_a_cliff_does_not_flatten_the_others(found):
    changed = replace(copy.deepcopy(found), metric=Metric("r2", "test"))
    for run in changed.ranking:
        for curve in run.curves.values():
            curve.bands["r2"] = curve.bands.pop("accuracy")
    changed.ranking[0].curves["train"].bands["r2"].mean[0] = -1e6
    assert curves(changed).axes[0].get_ylim()[0] > -2


def test_decay_has_a_point_for_each_configuration(found):
    figure = decay(found)
    (axes,) = figure.axes
    points = {
        (float(x), float(y))
        for container in axes.containers
        for x, y in zip(*container.lines[0].get_data(), strict=True)
    }
    assert points == {
        (run.numbers["predicted_decay_rate"].mean, run.numbers["decay_rate_start"].mean)
        for run in found.ranking
    }
    assert axes.get_xlim() == axes.get_ylim()
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert sorted(legend) == ["0.3", "0.6", "0.9", "as predicted"]
    assert axes.get_legend().get_title().get_text() == "init.gain"
    marks = [container.lines[0].get_marker() for container in axes.containers]
    assert len(set(marks)) == 3  # told apart without colour


def test_seeds_without_a_decay_rate_are_said_to_be_left_out(found):
    some = copy.deepcopy(found)
    some.ranking[1].n_zero["start"] = 2
    for comparison, where in ((found, ""), (some, " where δ is not 0")):
        label = decay(comparison).axes[0].get_ylabel()
        assert label == f"measured (95 % interval over seeds{where})"


def test_effects_have_a_panel_for_each_axis(found):
    panels = titled(effects(found))
    assert set(panels) == {"init.gain", "network.depth"}
    axes = panels["init.gain"]
    (own,) = (axis for axis in found.effects if axis.axis.name == "init.gain")
    means = [effect.interval.mean for effect in own.effects]
    assert axes.containers[0].lines[0].get_ydata().tolist() == means
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.3", "0.6", "0.9"]
    assert axes.get_ylabel() == "test accuracy"


def test_effects_over_some_combinations_say_over_how_many(found):
    gain, depth = found.effects
    n = gain.n_cells
    some = replace(found, effects=[replace(gain, n_all=n + 1), depth])
    said = {name.replace("\n", " ") for name in titled(effects(some))}
    assert said == {f"init.gain (over {n} of {n + 1} combinations)", "network.depth"}


@pytest.mark.parametrize("draw", [profiles, heatmaps])
def test_that_zeros_are_not_in_means_of_logarithms_is_said(found, draw):
    some = copy.deepcopy(found)
    some.ranking[1].n_zero["end"] = 2
    assert not any("δ is not 0" in text.get_text() for text in draw(found).texts)
    assert any("δ is not 0 (it is in some of 2)" in text.get_text() for text in draw(some).texts)


@pytest.mark.parametrize("draw", [profiles, heatmaps, curves])
def test_of_many_runs_the_best_the_worst_and_some_between_are_shown(found, draw):
    many = replace(found, ranking=[replace(found.ranking[0], label=f"a={n}") for n in range(40)])
    figure = draw(many)
    panels = [title for title in titled(figure) if ". a=" in title]
    assert len(panels) == MAX_RUNS
    assert (panels[0], panels[-1]) == ("1. a=0", "40. a=39")
    assert f"{MAX_RUNS} of 40, evenly by rank (the others are left out)" in figure.get_suptitle()


def test_what_there_is_nothing_of_is_not_drawn(tmp_path):
    write_run(tmp_path / "0_x", error="no")
    found = compare_runs(group_runs(collect([tmp_path])), "Run", tmp_path)
    assert write_figures(found, tmp_path / "figures") == []
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_figures_are_written_in_the_format_that_was_asked_for(found, tmp_path, kind):
    files = write_figures(found, tmp_path, kind)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.{kind}" for name in NAMES]
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind]
    assert all(path.read_bytes().startswith(start) for path in files)


@pytest.mark.parametrize("has_ended", [False, True])
def test_figures_are_the_same_whoever_draws_them(has_ended, found, tmp_path):
    second, asked = SecondProcess(), []
    submit = second.submit
    second.submit = lambda *work: asked.append(submit(*work)) or asked[-1]
    try:
        if has_ended:
            second.process.kill()
        beside = write_figures(found, tmp_path / "beside", second=second)
        here = write_figures(found, tmp_path / "here")
    finally:
        second.end()
    assert [path.read_bytes() for path in beside] == [path.read_bytes() for path in here]
    assert [path.name for path in beside] == [path.name for path in here]
    begun = [one for one in asked if not one.cancelled()]
    assert begun
    assert {bool(one.exception()) for one in begun} == {has_ended}


@pytest.mark.parametrize("in_second", [False, True])
def test_a_figure_that_cannot_be_drawn_costs_no_other(found, tmp_path, monkeypatch, in_second):
    broken = copy.deepcopy(found)
    name = "profiles" if in_second else "curves"
    for run in broken.ranking:
        if in_second:
            object.__setattr__(run, "profile", "no profile")
        else:
            object.__setattr__(run, "curves", {"train": "no curve"})
    second = SecondProcess() if in_second else None
    try:
        with pytest.raises(AttributeError):
            write_figures(broken, tmp_path, second=second)
    finally:
        if second is not None:
            second.end()
    assert sorted(path.stem for path in tmp_path.iterdir()) == [n for n in NAMES if n != name]


def test_figures_of_an_older_report_are_removed_and_nothing_else(found, tmp_path):
    (tmp_path / "profiles.txt").write_text("mine")
    write_figures(found, tmp_path, "png")
    write_figures(replace(found, effects=[]), tmp_path, "svg")
    names = {f"{name}.svg" for name in NAMES if name != "effects"} | {"profiles.txt"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_figure_in_greyscale_has_something_on_it(found, tmp_path, name):
    write_figures(found, tmp_path)
    grey = image.imread(tmp_path / f"{name}.png")[..., :3] @ [0.299, 0.587, 0.114]
    assert 0.005 < (grey < 0.5).mean() < 0.6


def test_strings_of_others_are_letters_and_no_formulas(found, tmp_path):
    axis = Axis(EVIL, (EVIL,))
    changed = replace(
        found,
        axes=[axis],
        ranking=[replace(run, label=EVIL * 9, axes={EVIL: EVIL}) for run in found.ranking],
        effects=[
            replace(own, axis=axis, effects=[replace(one, value=EVIL) for one in own.effects])
            for own in found.effects
        ],
    )
    assert len(write_figures(changed, tmp_path)) == 5  # warnings on missing letters are errors


def test_a_text_is_shown_as_it_is():
    assert plain("a_b^{c} δ") == "a_b^{c} δ"
    assert plain(EVIL) == "\\$\\frac{x}\\$ _^{ </script> □ □ new"
    assert wrapped("one two three four", 9, 2) == "one two\nthree …"
