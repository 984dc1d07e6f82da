"""The figures of a page, as a real Chromium draws them."""

import itertools
import math

import pytest

import synthetic
from chromium import SECTIONS, draw, evenly, mean, panels, settled

pytestmark = pytest.mark.slow


def test_every_run_has_a_panel_with_start_and_end_their_bands_and_theory(drawn):
    page, content = drawn
    shown = panels(page, "profiles")
    for panel, run in zip(shown, evenly(content["runs"]), strict=True):
        profile = run["profile"]
        ends = profile["start"], profile["end"]
        assert panel["title"].startswith(
            f"{1 + content['runs'].index(run)} {run['axes']['activation']}"
        )
        lines = [t["y"] for t in panel["traces"] if t["mode"] == "lines+markers"]
        assert lines == [end["mean"] for end in ends]
        bands = [t["y"] for t in panel["traces"] if t["fill"] == "toself"]
        assert [y[len(y) // 2 :][::-1] for y in bands] == [end["low"] for end in ends]
        assert [t["y"] for t in panel["traces"] if t["dash"] == "dot"] == [profile["theory"]]
        assert panel["marks"] == len(panel["traces"]) == 5
    assert "95 % interval of the mean" in page.inner_text("#profiles .key")


def test_below_four_seeds_each_has_a_line_and_nothing_a_band(visit):
    content = synthetic.sweep(activation=("tanh", "relu"), init=("he",), depth=(5,), n_seeds=3)
    page = visit(content).page
    page.select_option("#profiles select", "run")
    draw(page, "profiles", "curves")
    for panel, run in zip(panels(page, "profiles"), content["runs"], strict=True):
        thin = [t["y"] for t in panel["traces"] if t["mode"] == "lines" and t["dash"] != "dot"]
        seeds = [run["profile"][moment]["seeds"] for moment in ("start", "end")]
        assert thin == [*itertools.chain(*seeds)]
        assert len(thin) == 6
        least, most = (f(math.log10(v) for y in thin for v in y) for f in (min, max))
        assert panel["y"][0] < least < most < panel["y"][1]
    for panel, run in zip(panels(page, "curves"), content["runs"], strict=True):
        thin = [t["y"] for t in panel["traces"] if t["mode"] == "lines"]
        assert thin == [y for part in run["curves"].values() for y in part["accuracy"]["seeds"]]
    every = [
        t for s in ("profiles", "curves") for panel in panels(page, s) for t in panel["traces"]
    ]
    assert not any(t["fill"] for t in every)
    assert "each seed" in page.inner_text("#curves .key")
    assert "interval of the mean" not in page.inner_text("#profiles .key")


def test_profiles_share_one_logarithmic_scale_that_holds_them_all(drawn):
    page, _ = drawn
    shown = panels(page, "profiles")
    assert {panel["scale"] for panel in shown} == {"log"}
    ((low, high),) = {tuple(panel["y"]) for panel in shown}
    values = [v for panel in shown for t in panel["traces"] for v in t["y"]]
    assert low < math.log10(min(values))
    assert high > math.log10(max(values))


def test_where_runs_share_a_panel_there_are_means_alone(small):
    page, content = small
    page.select_option("#profiles select", "moment")
    page.locator("#curves select").first.select_option("part")
    draw(page, "profiles", "curves")
    titles = ("At the start of training", "At the end of training")
    for panel, title, moment in zip(
        panels(page, "profiles"), titles, ("start", "end"), strict=True
    ):
        lines = [t["y"] for t in panel["traces"] if t["mode"] == "lines+markers"]
        assert panel["title"] == title
        assert lines == [run["profile"][moment]["mean"] for run in evenly(content["runs"])]
        assert not any(t["fill"] for t in panel["traces"])
    for panel, part in zip(panels(page, "curves"), ("train", "validation"), strict=True):
        lines = [t["y"] for t in panel["traces"]]
        assert lines == [run["curves"][part]["accuracy"]["mean"] for run in evenly(content["runs"])]


def test_heatmaps_share_one_colour_scale_that_the_legend_names(drawn):
    page, content = drawn
    shown = panels(page, "heatmaps")
    grids = [run["heatmap"]["values"] for run in evenly(content["runs"])]
    assert [panel["traces"][0]["z"] for panel in shown] == grids
    assert all(panel["marks"] == 1 for panel in shown)
    values = list(itertools.chain(*itertools.chain(*grids)))
    scales = {(panel["traces"][0]["zmin"], panel["traces"][0]["zmax"]) for panel in shown}
    assert scales == {(min(values), max(values))}
    legend = page.locator("#heatmaps .ticks span").all_inner_texts()
    assert float(legend[0].replace("−", "-")) == pytest.approx(min(values), abs=0.005)


def test_curves_have_their_bands_and_one_scale(drawn):
    page, content = drawn
    shown = panels(page, "curves")
    for panel, run in zip(shown, evenly(content["runs"]), strict=True):
        lines = [t["y"] for t in panel["traces"] if not t["fill"]]
        assert lines == [
            run["curves"][part]["accuracy"]["mean"] for part in ("train", "validation")
        ]
        assert len(panel["traces"]) == panel["marks"] == 4
    assert len({tuple(panel["y"]) for panel in shown}) == 1


def test_epochs_are_whole(visit):
    content = synthetic.small()
    for run in content["runs"]:
        for curve in run["curves"].values():
            curve["epochs"] = curve["epochs"][:2]
            for band in (curve["loss"], curve["accuracy"]):
                band |= {name: values[:2] for name, values in band.items()}
    page = visit(content).page
    draw(page, "curves")
    ticks = page.locator("#curves .panel").first.locator(".xtick text").all_text_contents()
    assert len(ticks) > 1
    assert all(tick.isdecimal() for tick in ticks), ticks


def test_the_learning_curves_are_chosen_by_quantity_part_and_scale(small):
    page, content = small
    draw(page, "curves")
    page.get_by_label("quantity").last.select_option("loss")
    page.get_by_label("part of the data").select_option("validation")
    page.get_by_role("combobox", name="scale", exact=True).select_option("log")
    settled(page, "curves")
    shown = panels(page, "curves")
    assert {panel["scale"] for panel in shown} == {"log"}
    lines = [t["y"] for panel in shown for t in panel["traces"] if not t["fill"]]
    assert lines == [run["curves"]["validation"]["loss"]["mean"] for run in evenly(content["runs"])]


def test_every_run_with_both_rates_is_a_point_beside_the_diagonal(small):
    page, content = small
    draw(page, "decay")
    (panel,) = panels(page, "decay")
    diagonal, *groups = panel["traces"]
    assert diagonal["x"] == diagonal["y"]
    assert diagonal["x"] == panel["x"] == panel["y"]
    points = {point for t in groups for point in zip(t["x"], t["y"], strict=True)}
    assert points == {
        (mean(run, "predicted_decay_rate"), mean(run, "decay_rate_start"))
        for run in content["runs"] if mean(run, "decay_rate_start") is not None
    }  # fmt: skip
    page.locator("#decay select").select_option("")
    settled(page, "decay")
    assert len(panels(page, "decay")[0]["traces"]) == 2


def test_every_effect_is_drawn_on_one_scale(drawn):
    page, content = drawn
    shown = panels(page, "effects")
    assert [panel["title"] for panel in shown] == [axis["name"] for axis in content["axes"]]
    drawn = [value for panel in shown for t in panel["traces"] for value in t["x"]]
    assert drawn == [effect["mean"] for effect in content["effects"]]
    assert len({tuple(panel["x"]) for panel in shown}) == 1
    assert "sigmoid" in shown[0]["text"]


def test_effects_say_what_is_averaged_and_what_is_not(visit):
    content = synthetic.small()
    for effect in content["effects"]:
        if effect["axis"] == "network.depth":
            effect["n_cells"] = 11
    page = visit(content).page
    draw(page)
    said = page.locator("#effects figcaption").inner_text()
    assert "combinations of the other axes that have a result with all of its values" in said
    assert "Not all combinations count for network.depth; the notes say why." in said
    page.locator("#effects .numbers summary").press("Enter")
    assert "11 of 12" in page.locator("#effects .numbers tbody tr").last.inner_text()


def test_each_figure_has_its_numbers_as_a_table(small):
    page, content = small
    draw(page)
    for section in SECTIONS:
        page.locator(f"#{section} .numbers summary").press("Enter")
    expected = {
        "profiles": sum(len(run["profile"]["layers"]) for run in evenly(content["runs"])),
        "heatmaps": sum(len(run["heatmap"]["layers"]) for run in evenly(content["runs"])),
        "curves": sum(2 * len(run["curves"]["train"]["epochs"]) for run in evenly(content["runs"])),
        "decay": sum(mean(run, "decay_rate_start") is not None for run in content["runs"]),
        "effects": len(content["effects"]),
    }
    for section, rows in expected.items():
        assert page.locator(f"#{section} .numbers tbody tr").count() == rows


def test_charts_fill_their_panels_and_follow_the_window(small):
    page, _ = small
    sections = ("effects", "profiles", "decay")
    for width in (400, 1800):
        page.set_viewport_size({"width": width, "height": 900})
        for section in sections:  # one in sight follows when the window has come to rest
            draw(page, section)
            page.wait_for_function(
                """id => [...document.querySelectorAll(`#${id} .plot`)].every(plot => Math.abs(
                    plot.clientWidth - plot.querySelector('svg').getBoundingClientRect().width) < 2)
                """,
                arg=section,
            )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
