"""The ranking of a page: its rows, sorting, filters, pages, and what its ticks draw."""

import pytest

import synthetic
from chromium import draw, evenly, listed, mean, panels, settled, ticked

pytestmark = pytest.mark.slow


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
    page.locator("#curves select").first.select_option("part")
    draw(page, "heatmaps", "curves")
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
