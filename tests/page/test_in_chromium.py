"""The page in a real Chromium: what it draws, what its controls do, what it never does."""

import itertools
import math

import pytest

import synthetic
from chromium import (
    SECTIONS,
    Chromium,
    Visit,
    draw,
    launched,
    listed,
    panels,
    settled,
    ticked,
)

pytestmark = pytest.mark.slow

CONTENTS = {name: getattr(synthetic, name) for name in (
    "small", "one_run", "no_axis", "one_axis", "linear", "all_failed", "all_diverged", "empty",
    "hostile",
)}  # fmt: skip
PAPER = {"light": "#ffffff", "dark": "#15171a"}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    player, browser = launched()
    yield Chromium(browser, tmp_path_factory.mktemp("page") / "report.html")
    browser.close()
    player.stop()


@pytest.fixture
def visit(chromium):
    """Opens pages; whatever they did, nothing may have gone wrong and nothing been asked for."""
    visits = []

    def opened(content, **options):
        visits.append(Visit(chromium, content, **options))
        return visits[-1]

    yield opened
    for one in visits:
        one.close()
    assert [noise for one in visits for noise in one.noise] == []


@pytest.fixture(scope="module")
def _drawn(chromium):
    one = Visit(chromium, synthetic.small())
    draw(one.page)
    yield one
    one.close()


@pytest.fixture
def drawn(_drawn):
    """The page of a small sweep with all its figures, to look at only, and its content."""
    yield _drawn.page, synthetic.small()
    assert _drawn.noise == []


@pytest.fixture
def small(visit):
    """The page of a small sweep, and its content."""
    content = synthetic.small()
    return visit(content).page, content


def mean(run, name="accuracy"):
    return run["numbers"][name]["mean"]


def evenly(runs, n=6):
    """From the best to the worst of those that ended, as a page begins."""
    ended = [run for run in runs if run["status"] == "completed"]
    if len(ended) <= n:
        return ended
    return [ended[math.floor(i * (len(ended) - 1) / (n - 1) + 0.5)] for i in range(n)]


# What is drawn


def test_every_run_with_a_profile_has_its_line_its_band_and_its_theory(drawn):
    page, content = drawn
    start, end = panels(page, "profiles")
    for panel, moment in ((start, "start"), (end, "end")):
        lines = [t for t in panel["traces"] if t["mode"] == "lines+markers"]
        assert [t["y"] for t in lines] == [
            r["profile"][moment]["mean"] for r in evenly(content["runs"])
        ]
        bands = [t for t in panel["traces"] if t["fill"] == "toself"]
        lows = [r["profile"][moment]["low"] for r in evenly(content["runs"])]
        assert [t["y"][len(t["y"]) // 2 :][::-1] for t in bands] == lows
    theory = [t["y"] for t in start["traces"] if t["dash"] == "dash"]
    assert theory == [run["profile"]["theory"] for run in evenly(content["runs"])]
    assert start["marks"] == len(start["traces"]) == 18
    assert end["marks"] == len(end["traces"]) == 12


def test_profiles_share_one_logarithmic_scale_that_holds_them_all(small):
    page, _ = small
    for arrangement in ("moment", "run"):
        page.select_option("#profiles select", arrangement)
        draw(page, "profiles")
        shown = panels(page, "profiles")
        assert {panel["scale"] for panel in shown} == {"log"}
        ((low, high),) = {tuple(panel["y"]) for panel in shown}
        values = [v for panel in shown for t in panel["traces"] for v in t["y"]]
        assert low < math.log10(min(values))
        assert high > math.log10(max(values))


def test_profiles_come_by_moment_or_by_run(small):
    page, content = small
    page.select_option("#profiles select", "run")
    draw(page, "profiles")
    shown = panels(page, "profiles")
    assert len(shown) == 6
    for panel, run in zip(shown, evenly(content["runs"]), strict=True):
        n = 1 + content["runs"].index(run)
        assert panel["title"].startswith(f"{n} {run['axes']['activation']}")
        assert [t["mode"] for t in panel["traces"]].count("lines+markers") == 2
    page.select_option("#profiles select", "moment")
    settled(page, "profiles")
    titles = [panel["title"] for panel in panels(page, "profiles")]
    assert titles == ["At the start of training", "At the end of training"]


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
    assert [panel["title"] for panel in shown] == ["Training accuracy", "Validation accuracy"]
    for panel, part in zip(shown, ("train", "validation"), strict=True):
        lines = [t["y"] for t in panel["traces"] if not t["fill"]]
        assert lines == [run["curves"][part]["accuracy"]["mean"] for run in evenly(content["runs"])]
        assert len(panel["traces"]) == panel["marks"] == 12
    assert shown[0]["y"] == shown[1]["y"]


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
    (panel,) = panels(page, "curves")
    assert panel["title"] == "Validation loss"
    assert panel["scale"] == "log"
    lines = [t["y"] for t in panel["traces"] if not t["fill"]]
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
    for width in (400, 1800):
        draw(page)
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_selector("figure[data-drawn=false]", state="attached")
        draw(page)
        page.wait_for_function(
            """() => [...document.querySelectorAll('.plot')].every(plot => Math.abs(
                plot.clientWidth - plot.querySelector('svg').getBoundingClientRect().width) < 2)"""
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width


# The ranking


def test_the_ranking_has_a_row_a_run_with_what_became_of_it(drawn):
    page, content = drawn
    assert listed(page) == [run["id"] for run in content["runs"]]
    first, *_, failed = page.locator("#ranking-table tbody tr").all_inner_texts()
    best_run = content["runs"][0]
    assert f"{mean(best_run):.3f}" in first
    assert "± 0.012" in first
    assert "baseline" in first
    assert "no space left on device" in failed
    second = content["runs"][1]
    text = page.locator("#ranking-table tbody tr").nth(1).inner_text()
    assert f"−{abs(second['against']['difference']):.3f}" in text
    assert f"{second['against']['p_holm']:.3f}" in text


def test_a_run_alone_is_not_compared_with_anything(visit):
    page = visit(synthetic.one_run() | {"kind": "run"}).page
    for part in ("#matrix", "#effects", "#filters", ".ticking", "#pager"):
        assert page.locator(part).is_hidden(), part
    assert page.locator("#contents a:visible").all_inner_texts() == [
        "Result", "Notes", "Depth profiles", "Layer × step", "Learning curves",
        "Measured and predicted", "Run by run",
    ]  # fmt: skip
    draw(page, "profiles", "heatmaps", "curves", "decay")
    assert page.locator("#ranking-table tbody tr").count() == 1


def test_seeds_that_are_all_alike_are_said_to_be_and_uneven_intervals_have_their_ends(visit):
    content = synthetic.small()
    first, second = content["runs"][:2]
    first["numbers"]["accuracy"] |= {"mean": 1.0, "low": 0.96, "high": 1.0, "alike": True}
    second["numbers"]["decay_rate_start"] |= {"low": 0.5, "mean": 0.5, "high": 0.5, "alike": True}
    rows = visit(content).page.locator("#ranking-table tbody tr")
    said = [" ".join(rows.nth(n).inner_text().split()) for n in (0, 1)]
    assert "1.000 [0.960, 1.000] all seeds alike" in said[0]
    assert "0.500 all seeds alike" in said[1]


def test_a_mean_of_some_of_the_seeds_says_of_how_many(visit):
    content = synthetic.small()
    third = content["runs"][2]
    third["n_diverged"] = third["n_lost"] = 14
    third["numbers"]["accuracy"]["n"] = third["against"]["n"] = 2
    page = visit(content).page
    rows = page.locator("#ranking-table tbody tr")
    said = rows.nth(2).locator("td").all_inner_texts()
    assert sum("\n2 of 16 seeds" in text for text in said) == 1
    assert any("only 2 seeds in common" in text for text in said)
    assert not any("in common" in text for text in rows.nth(1).locator("td").all_inner_texts())
    assert "by the share of seeds that diverged" in page.locator("#ranking-caption").inner_text()


def test_seeds_that_no_signal_reaches_are_counted(visit):
    content = synthetic.small()
    first, second = content["runs"][:2]
    for run, n in ((first, 12), (second, 16)):
        run["n_zero"]["end"] = n
        for name in ("vanishing_index_end", "decay_rate_end"):
            run["numbers"][name] |= {"n": 16 - n} | ({"mean": None} if n == 16 else {})
    page = visit(content).page
    page.click("#all-columns")
    rows = page.locator("#ranking-table tbody tr")
    for row, n in ((0, 12), (1, 16)):
        said = rows.nth(row).locator("td").all_inner_texts()
        assert sum(f"δ is 0 in {n} of 16 seeds" in text for text in said) == 2


def test_completed_runs_without_the_metric_are_said_to_be_listed_after_those_with_it(visit):
    content = synthetic.small()
    assert "without it" not in visit(content).page.locator("#ranking-caption").inner_text()
    content["runs"][-3]["numbers"]["accuracy"] |= {"mean": None, "n": 0}
    caption = visit(content).page.locator("#ranking-caption").inner_text()
    assert "highest first; then those without it, then those that diverged" in caption


def test_every_column_sorts_both_ways_with_what_lacks_a_value_last(small):
    page, content = small
    runs = {run["id"]: run for run in content["runs"]}
    values = {
        "place": lambda run: content["runs"].index(run),
        "difference": lambda run: 0 if run["id"] == content["baseline"]
        else (run["against"] or {}).get("difference"),
        "p": lambda run: (run["against"] or {}).get("p_holm"),
        "status": lambda run: run["status"],
        "kinds": lambda run: ", ".join(verdict["kind"] for verdict in run["verdicts"]),
        "seeds": lambda run: run["n_seeds"],
        **{f"axis:{a['name']}": lambda run, a=a: run["axes"][a["name"]] for a in content["axes"]},
        **{f"number:{n['name']}": lambda run, n=n: mean(run, n["name"])
           for n in content["numbers"]},
    }  # fmt: skip
    heads = page.locator("#ranking-table thead th[data-column]")
    assert heads.count() < len(values)
    page.click("#all-columns")
    keys = heads.evaluate_all("all => all.map(head => head.dataset.column)")
    assert set(keys) == set(values)
    for key in [*keys[1:], keys[0]]:  # by place it is sorted at first
        head = page.locator(f'th[data-column="{key}"]')
        for direction in ("ascending", "descending"):
            head.get_by_role("button").click()
            assert head.get_attribute("aria-sort") == direction
            assert page.locator("[aria-sort]").count() == 1
            shown = [values[key](runs[one]) for one in listed(page)]
            known = [value for value in shown if value is not None]
            assert shown == known + [None] * (len(shown) - len(known))
            assert known == sorted(known, reverse=direction == "descending")
    assert len(listed(page)) == len(runs)


def test_the_word_diverged_finds_runs_that_lost_some_of_their_seeds(visit):
    content = synthetic.small()
    content["runs"][3]["n_diverged"] = 1
    lost = [run["id"] for run in content["runs"] if run["n_diverged"]]
    page = visit(content).page
    page.fill("#query", "diverged")
    assert listed(page) == lost
    assert len(lost) == 2


def test_the_ranking_is_filtered_by_words_axes_status_and_verdict(small):
    page, content = small
    filters = page.locator("#filters")

    def expected(keep):
        return [run["id"] for run in content["runs"] if keep(run)]

    page.fill("#query", "RELU init=he")
    both = expected(lambda r: r["axes"]["activation"] == "relu" and r["axes"]["init"] == "he")
    assert listed(page) == both != []
    filters.get_by_label("network.depth").select_option("10")
    assert listed(page) == expected(lambda r: r["id"] in both and r["axes"]["network.depth"] == 10)
    page.click("#reset")
    assert listed(page) == expected(lambda r: True)
    assert page.input_value("#query") == ""
    filters.get_by_label("status").select_option("failed")
    assert listed(page) == expected(lambda r: r["status"] == "failed") != []
    filters.get_by_label("status").select_option("")
    filters.get_by_label("verdict").select_option(label="vanishing")
    vanishing = expected(lambda r: any(v["kind"] == "vanishing" for v in r["verdicts"]))
    assert listed(page) == vanishing != []
    page.fill("#query", "nothing like this")
    assert listed(page) == []
    assert "No run passes" in page.locator("#ranking-table tbody").inner_text()
    assert page.locator("#run-list details:visible").count() == 0


def test_a_long_ranking_comes_in_pages(visit):
    content = synthetic.full()
    page = visit(content).page
    ids = [run["id"] for run in content["runs"]]
    assert listed(page) == ids[:25]
    page.click("#page-before", force=True)  # there is none
    assert listed(page) == ids[:25]
    page.click("#page-after")
    assert listed(page) == ids[25:]
    assert "26–48 of 48 runs" in page.locator("#pager").inner_text()
    page.click("#page-before")
    assert listed(page) == ids[:25]
    page.get_by_label("rows a page").select_option("50")
    assert listed(page) == ids


# What the charts show


def titles(page):
    settled(page, "heatmaps")
    return [int(panel["title"].split()[0]) for panel in panels(page, "heatmaps")]


def test_ticks_choose_what_the_charts_show(small):
    page, content = small
    draw(page, "heatmaps")
    assert ticked(page) == [run["id"] for run in evenly(content["runs"])]
    places = [1 + content["runs"].index(run) for run in evenly(content["runs"])]
    assert titles(page) == places
    assert places[0] == 1
    assert places[-1] > 6
    page.click("#tick-best")
    draw(page, "heatmaps")
    assert titles(page) == [1, 2, 3, 4, 5, 6]
    boxes = page.locator("#ranking-table tbody input")
    boxes.nth(1).uncheck()
    boxes.nth(7).check()
    draw(page, "heatmaps")
    assert titles(page) == [1, 3, 4, 5, 6, 8]
    page.click("#tick-none")
    assert ticked(page) == []
    draw(page, "heatmaps", "profiles", "curves")
    assert titles(page) == []
    assert "No run is ticked" in page.locator("#heatmaps .empty").inner_text()
    page.click("#tick-evenly")
    draw(page, "heatmaps")
    assert titles(page) == places


def test_a_few_of_those_listed_are_drawn_until_somebody_ticks(small):
    page, content = small
    draw(page, "heatmaps")
    page.locator("#filters").get_by_label("activation").select_option('"sigmoid"')
    runs = [run for run in content["runs"] if run["axes"]["activation"] == "sigmoid"]
    sigmoid = [run["id"] for run in evenly(runs)]
    assert ticked(page) == sigmoid
    page.locator("#ranking-table tbody input").first.uncheck()
    page.click("#reset")
    assert ticked(page) == sigmoid[1:]


def test_at_most_24_are_drawn_and_the_page_says_so(visit):
    page = visit(synthetic.full()).page
    page.click("#tick-all")
    assert "48 runs of 48 ticked; the charts draw the first 24" in page.inner_text("#ticked")
    draw(page, "profiles", "heatmaps", "curves")
    assert titles(page) == list(range(1, 25))
    assert "at most 24 are drawn" in page.locator("#heatmaps figcaption").inner_text()
    looks = {
        (trace["color"], trace["symbol"], trace["dash"])
        for trace in panels(page, "curves")[0]["traces"] if not trace["fill"]
    }  # fmt: skip
    assert len(looks) == 24


def test_a_run_that_came_to_nothing_is_said_not_to_be_drawn(small):
    page, _ = small
    page.click("#tick-all")
    draw(page, "profiles")
    assert (
        "11 runs drawn, as ticked in the ranking; 1 other ticked run has nothing to draw here"
        in (page.locator("#profiles figcaption").inner_text())
    )


# The matrix


def cells(page):
    return page.eval_on_selector_all(
        ".matrix tbody tr",
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))",
    )


def test_the_matrix_holds_the_mean_of_any_quantity_over_any_two_axes(small):
    page, content = small
    matrix = page.locator("#matrix")
    quantity = "vanishing_index_start"
    matrix.get_by_label("quantity").select_option(quantity)
    for rows, columns in itertools.permutations(content["axes"], 2):
        matrix.get_by_label("rows").select_option(label=rows["name"])
        matrix.get_by_label("columns").select_option(label=columns["name"])
        (third,) = (a for a in content["axes"] if a["name"] not in (rows["name"], columns["name"]))
        places = [(value, row) for value in third["values"] for row in rows["values"]]
        table = cells(page)
        assert [row[0] for row in table] == [str(row) for _, row in places]
        for row, (third_value, value) in zip(table, places, strict=True):
            for text, other in zip(row[1:], columns["values"], strict=True):
                wanted = {rows["name"]: value, columns["name"]: other, third["name"]: third_value}
                (run,) = (run for run in content["runs"] if run["axes"] == wanted)
                shown, _, ends = text.partition("\n")
                known = mean(run, quantity)
                if known is None:
                    assert shown in ("no value", "–")
                    continue
                assert float(shown.replace("−", "-")) == pytest.approx(known, abs=0.006)
                assert ends.count("–") == 1
        assert f"for each {third['name']}" in page.inner_text("#matrix-caption")
    captions = page.locator(".matrix caption").all_inner_texts()
    assert captions == [f"{third['name']} {value}" for value in third["values"]]
    legend = page.locator("#matrix-scale .ticks span").all_inner_texts()
    assert float(legend[1]) == 0  # decades lost are coloured about none


def test_the_matrix_never_sets_an_axis_against_itself(small):
    page, _ = small
    matrix = page.locator("#matrix")
    rows, columns = matrix.get_by_label("rows"), matrix.get_by_label("columns")
    before = rows.input_value(), columns.input_value()
    rows.select_option(before[1])
    assert (rows.input_value(), columns.input_value()) == before[::-1]
    assert page.evaluate("document.activeElement.value") == before[1]


def test_the_matrix_keeps_to_the_runs_that_are_listed(small):
    page, _ = small
    page.locator("#filters").get_by_label("activation").select_option('"tanh"')
    page.locator("#matrix").get_by_label("rows").select_option(label="activation")
    assert [row[0] for row in cells(page) if set(row[1:]) != {"–"}] == ["tanh"] * 2
    assert "the 4 runs listed" in page.inner_text("#matrix-caption")


@pytest.mark.parametrize(("name", "said"), [("one_run", "nothing to set"), ("one_axis", "lr")])
def test_with_fewer_than_two_axes_the_matrix_shows_what_there_is(name, said, visit):
    content = CONTENTS[name]()
    page = visit(content).page
    assert said in page.inner_text("#matrix")
    assert len(cells(page)) == (len(content["runs"]) if content["axes"] else 0)


def test_of_an_axis_with_very_many_values_the_first_are_shown(visit):
    rates = [round(0.001 * n, 4) for n in range(1, 81)]
    page = visit(synthetic.sweep(activation=["relu"], init=["he"], depth=[5], lr=rates)).page
    assert len(cells(page)) == 60
    assert "The first 60 values" in page.inner_text("#matrix-caption")
    draw(page, "effects")
    assert [len(trace["x"]) for trace in panels(page, "effects")[0]["traces"]] == [60]
    assert "The first 60 values" in page.locator("#effects figcaption").inner_text()


# Themes, paper, copies, keys


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_is_the_systems_until_it_is_chosen(system, visit):
    other = {"light": "dark", "dark": "light"}[system]
    one = visit(synthetic.small(), color_scheme=system)
    page = one.page
    draw(page)
    papers = {panel["paper"] for section in SECTIONS for panel in panels(page, section)}
    assert papers == {PAPER[system]}
    assert page.inner_text("#theme") == f"{other.capitalize()} theme"
    page.click("#theme")
    draw(page)
    papers = {panel["paper"] for section in SECTIONS for panel in panels(page, section)}
    assert papers == {PAPER[other]}
    one.open()
    assert page.inner_text("#theme") == f"{system.capitalize()} theme"


def test_paper_gets_every_chart_in_black_on_white(visit):
    page = visit(synthetic.small(), color_scheme="dark").page
    page.pdf()  # the browser tells the page before and after
    assert all(panels(page, section) for section in SECTIONS)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown = {section: panels(page, section) for section in SECTIONS}
    assert all(shown.values())
    assert {panel["paper"] for some in shown.values() for panel in some} == {PAPER["light"]}
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    draw(page)
    assert panels(page, "decay")[0]["paper"] == PAPER["dark"]


WITHOUT_CLIPBOARD = """window.clipboard = navigator.clipboard;
    Object.defineProperty(navigator, 'clipboard', {value: undefined});"""


@pytest.mark.parametrize("before", ["window.clipboard = navigator.clipboard", WITHOUT_CLIPBOARD])
def test_commands_and_configurations_are_copied_as_they_stand(before, visit):
    content = synthetic.small()
    run = content["runs"][2]
    run["command"] = """python train.py 'a="b c"' <&>"""
    page = visit(content, before=before, permissions=["clipboard-read", "clipboard-write"]).page
    page.locator(f"#run-{run['id']} summary").press("Enter")
    for what, text in (("command", run["command"]), ("configuration", run["config"])):
        button = page.get_by_role("button", name=f"Copy the {what} of run 3")
        button.click()
        page.wait_for_function("() => document.querySelector('#announcement').textContent")
        assert page.evaluate("clipboard.readText()") == text
        assert f"The {what} of run 3 is on the clipboard" in page.inner_text("#announcement")
        assert page.locator("#run-list .copyable pre").first.inner_text() == run["command"]
        page.evaluate("document.querySelector('#announcement').textContent = ''")
    page.get_by_role("button", name="Copy the command of the sweep").click()
    page.wait_for_function("() => document.querySelector('#announcement').textContent")
    assert page.evaluate("clipboard.readText()") == content["command"]


def test_the_details_of_a_run_say_what_was_found(small):
    page, content = small
    failed, found = content["runs"][-1], content["runs"][-3]
    for run in (failed, found):
        page.locator(f"#ranking-table tr[data-run='{run['id']}'] a").click()
        page.wait_for_function(
            "id => document.activeElement.parentElement.id === `run-${id}`", arg=run["id"]
        )
    assert failed["reason"] in page.inner_text(f"#run-{failed['id']}")
    text = page.inner_text(f"#run-{found['id']}")
    assert found["verdicts"][0]["words"] in text
    assert found["directory"] in text
    assert found["config"].rstrip() in text


def test_an_address_that_names_a_run_opens_it(visit):
    content = synthetic.small()
    run = content["runs"][4]
    one = visit(content)
    one.open(f"#run-{run['id']}")
    assert run["config"].rstrip() in one.page.inner_text(f"#run-{run['id']}")


FOCUSED = """() => { const it = document.activeElement; return it === document.body ? null : {
    id: it.id, tag: it.tagName, label: it.ariaLabel || it.labels?.[0]?.innerText || it.innerText,
    outline: parseFloat(getComputedStyle(it).outlineWidth),
    style: getComputedStyle(it).outlineStyle,
    n: (it.dataset.n ??= String(document.querySelectorAll('[data-n]').length)) }; }"""


def walk(page, until):
    """Press Tab until the focus is where it should be."""
    for _ in range(400):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUSED)
        if focus and until(focus):
            return focus
    raise AssertionError("Tab did not lead there")


def test_tab_leads_to_every_control_and_shows_where_it_is(small):
    page, _ = small
    draw(page)
    page.evaluate("scrollTo(0, 0)")
    controls = page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, input, select, summary')]
            .filter(it => it.checkVisibility()).length"""
    )
    seen = {}
    for _ in range(controls + 200):
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUSED)
        if focus is None or focus["n"] in seen:
            break
        seen[focus["n"]] = focus
    reached = [
        f for f in seen.values() if f["tag"] in ("A", "BUTTON", "INPUT", "SELECT", "SUMMARY")
    ]
    assert len(reached) == controls
    for focus in seen.values():
        assert focus["label"], focus
        assert focus["outline"] >= 2, focus
        assert focus["style"] != "none", focus


def test_the_page_can_be_worked_without_a_mouse(small):
    page, content = small
    assert walk(page, lambda f: True)["label"] == "Skip to the ranking"
    page.keyboard.press("Enter")
    walk(page, lambda f: f["id"] == "query")
    page.keyboard.type("tanh")
    tanh = [run["id"] for run in content["runs"] if run["axes"]["activation"] == "tanh"]
    assert listed(page) == tanh
    walk(page, lambda f: f["label"].startswith("network.depth"))
    page.keyboard.press("ArrowDown")
    assert len(listed(page)) == len(tanh) / 2
    walk(page, lambda f: f["id"] == "reset")
    page.keyboard.press("Enter")
    walk(page, lambda f: f["id"] == "tick-none")
    page.keyboard.press("Space")
    assert ticked(page) == []
    walk(page, lambda f: f["tag"] == "BUTTON" and f["label"] == "network.depth")
    page.keyboard.press("Enter")
    assert page.get_attribute('th[data-column="axis:network.depth"]', "aria-sort") == "ascending"
    walk(page, lambda f: f["label"].startswith("Draw"))
    page.keyboard.press("Space")
    assert len(ticked(page)) == 1
    walk(page, lambda f: f["label"].startswith("panels"))
    page.keyboard.press("ArrowDown")
    settled(page, "profiles")
    assert len(panels(page, "profiles")) == 1
    walk(page, lambda f: f["tag"] == "SUMMARY" and f["label"].startswith("1\n"))
    page.keyboard.press("Enter")
    walk(page, lambda f: f["label"] == "Copy the command of run 1")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('#announcement').textContent")
    page.keyboard.press("Control+Home")
    walk(page, lambda f: f["id"] == "theme")
    page.keyboard.press("Space")
    assert page.inner_text("#theme") == "Light theme"


def test_every_control_has_a_name_and_every_section_a_heading(drawn):
    page, _ = drawn
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(
            'button, input, select, [role=region], nav, figure, form')]
            .filter(it => !(it.ariaLabel || it.labels?.length || it.innerText.trim()
                || document.getElementById(it.getAttribute('aria-labelledby'))))
            .map(it => it.outerHTML)"""
    )
    assert nameless == []
    for tag in ("header", "main", "footer"):
        assert page.locator(f"body > {tag}").count() == 1
    assert page.locator("section").count() == page.locator("section > h2").count() == 10
    assert page.locator("h1").count() == 1


# Strings, sizes and ends


def test_no_hostile_string_becomes_more_than_text(visit):
    content = synthetic.hostile()
    page = visit(content).page
    page.locator("#run-list details summary").first.press("Enter")
    page.click("#tick-all")
    draw(page)
    for section in SECTIONS:
        page.locator(f"#{section} .numbers summary").press("Enter")
    assert page.inner_text("h1") == synthetic.HOSTILE[0]
    assert page.locator("#notes li").count() == len(content["notes"])
    assert page.locator("body img, body b[class], svg a, [onload], [onerror]").count() == 0
    assert page.locator("a:not([href^='#'])").count() == 0
    assert page.evaluate("document.scripts.length") == 4 + len(content["runs"])
    shown = panels(page, "effects")
    assert "<img src=x onerror=al…" in shown[0]["text"]
    assert "<b>bold</b> & <a href…" in shown[0]["text"]
    assert "<b>bold</b> & <a href='https://example.com/'>a link</a> &lt" in shown[0]["text"]
    assert page.locator("svg tspan[style*=bold]").count() == 0
    for run in content["runs"][:3]:
        row = page.locator(f"#ranking-table tr[data-run='{run['id']}']").inner_text()
        for value in run["axes"].values():
            assert " ".join(value.split())[:30] in " ".join(row.split())


def test_every_hostile_string_can_be_filtered_for(visit):
    content = synthetic.hostile()
    page = visit(content).page
    for text in synthetic.HOSTILE:
        page.locator("#filters").get_by_label("verdict").select_option(f"={text}")
        expected = [run["id"] for run in content["runs"] if run["verdicts"][0]["kind"] == text]
        assert listed(page) == expected != []


@pytest.mark.parametrize("name", CONTENTS)
def test_a_page_of_any_sweep_says_something_everywhere(name, visit):
    content = CONTENTS[name]()
    page = visit(content).page
    draw(page)
    text = page.inner_text("body")
    for nonsense in ("NaN", "undefined", "Infinity", "[object"):
        assert nonsense not in text
    for section in SECTIONS:
        drawn = panels(page, section)
        assert drawn or page.locator(f"#{section} .empty").inner_text()
        assert all(panel["marks"] == len(panel["traces"]) > 0 for panel in drawn)
    assert len(listed(page)) == len(content["runs"])
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_single_seed_has_no_interval_and_no_band(visit):
    page = visit(synthetic.one_run()).page
    draw(page, "profiles", "curves")
    assert "±" not in page.locator("#ranking-table tbody").inner_text()
    traces = [t for s in ("profiles", "curves") for p in panels(page, s) for t in p["traces"]]
    assert not [t for t in traces if t["fill"]]


def test_without_scripts_the_ranking_is_there_as_a_table(visit):
    content = synthetic.hostile()
    page = visit(content, java_script_enabled=False).page
    rows = page.locator("noscript table tbody tr")
    assert rows.count() == len(content["runs"])
    assert page.locator("noscript .warning").bounding_box()
    assert page.locator("#ranking").bounding_box() is None
    assert page.locator("noscript img, noscript script, noscript svg").count() == 0


def test_a_thousand_runs_are_listed_a_page_at_a_time(visit):
    content = synthetic.thousand()
    page = visit(content).page
    assert "1–25 of 1000 runs" in page.inner_text("#pager")
    assert page.locator("#ranking-table tbody tr").count() == 25
    page.fill("#query", "relu")
    assert (
        listed(page) == [r["id"] for r in content["runs"] if r["axes"]["activation"] == "relu"][:25]
    )
    page.click("#reset")
    draw(page, "decay")
    (panel,) = panels(page, "decay")
    assert sum(len(trace["x"]) for trace in panel["traces"][1:]) == 1000
    assert page.locator("#run-list details").count() == 1000
