"""What stands first on a page: the matrix, one axis, a run alone."""

import itertools

import pytest

import synthetic
from chromium import draw, evenly, mean, panels

pytestmark = pytest.mark.slow


def cells(page):
    return page.eval_on_selector_all(
        "#matrix tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.innerText))"
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
    captions = page.locator("#matrix caption").all_inner_texts()
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


def test_of_an_axis_with_very_many_values_the_first_are_shown(visit):
    rates = [round(0.001 * n, 4) for n in range(1, 81)]
    page = visit(synthetic.sweep(activation=["relu"], init=["he"], depth=[5], lr=rates)).page
    draw(page, "effects")
    assert [len(trace["x"]) for trace in panels(page, "effects")[0]["traces"]] == [60]
    assert "The first 60 values" in page.locator("#effects figcaption").inner_text()


def test_a_run_alone_has_a_page_of_its_own_kind(visit):
    content = synthetic.one_run() | {"headline": ["Gradients vanish."]}
    page = visit(content).page
    assert page.locator("header + main section:visible h2").all_inner_texts() == [
        "Result", "Depth profiles of the error signal", "Layer by layer, step by step",
        "Learning curves", "Confusion matrices", "How to read the numbers", "To train it again",
    ]  # fmt: skip
    top = [page.locator(what).bounding_box()["y"] for what in ("#headline", "#result")]
    assert top == sorted(top)
    assert "report of a run" in page.inner_text("header")
    assert page.inner_text("#headline") == "Gradients vanish."
    assert "largest class, always" in page.inner_text("#result-tables")
    draw(page, "profiles", "heatmaps", "curves")
    assert len(panels(page, "profiles")) == 1
    assert [panel["title"] for panel in panels(page, "curves")] == ["Loss", "Accuracy"]
    assert "ticked" not in page.inner_text("main")
    assert content["runs"][0]["command"] in page.inner_text("#runs")


def test_one_axis_is_answered_by_its_effect_beside_what_the_signal_does(visit):
    page = visit(synthetic.one_axis()).page
    draw(page, "effects", "profiles")
    assert page.locator("#matrix").is_hidden()
    assert page.inner_text("#effects h2") == "What optimizer.lr changes"
    effects, profiles, ranking = (
        page.locator(section).bounding_box() for section in ("#effects", "#profiles", "#ranking")
    )
    assert abs(effects["y"] - profiles["y"]) < 2
    assert effects["x"] + effects["width"] <= profiles["x"]
    assert ranking["y"] > profiles["y"]
    assert len(panels(page, "profiles")) == 2
    assert not any(t["fill"] for panel in panels(page, "profiles") for t in panel["traces"])


@pytest.mark.parametrize(("half", "spans"), [(0.001, (0.90, 0.91)), (0.4, (0.105, 1.0))])
def test_colours_are_not_spent_on_what_cannot_be_told_apart(half, spans, visit):
    content = synthetic.sweep(activation=("tanh", "relu"), init=("he", "xavier"), depth=(5,))
    for run, value in zip(content["runs"], (0.90, 0.903, 0.907, 0.91), strict=True):
        run["numbers"]["accuracy"] |= {"mean": value, "low": value - half, "high": value + half}
    page = visit(content).page
    low, _, high = map(float, page.locator("#matrix-scale .ticks span").all_inner_texts())
    assert (low, high) == pytest.approx(spans, abs=0.005)  # and no accuracy is outside 0 to 1
    assert "0.900" in page.inner_text(".matrix")


def test_terms_are_explained_where_they_stand(visit):
    content = synthetic.small()
    content["terms"] = [{"term": "vanishing", "meaning": "δ fades"}, *content["terms"]]
    content["terms"] += [{"term": "hidden vanishing", "meaning": "weight gradients hide it"}]
    content["headline"] = ["Most frequent findings: hidden vanishing (3) and vanishing (2)."]
    page = visit(content).page
    assert "hidden vanishingweight gradients hide it" in page.inner_text("#ranking .terms")
    links = page.locator("#headline a")
    assert links.all_inner_texts() == ["hidden vanishing", "vanishing"]
    for link in links.all():
        assert page.locator(link.get_attribute("href")).inner_text() == link.inner_text()


def test_confusion_matrices_are_drawn_of_the_ticked_runs(drawn):
    page, content = drawn
    tables = page.locator("#confusion table")
    assert tables.count() == 6
    worst = evenly(content["runs"])[-1]
    rows = tables.last.evaluate(
        "table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.innerText))"
    )
    assert [row[0] for row in rows] == worst["confusion"]["classes"]
    shares = [[f"{n / 1.6:.0f}" if n else "" for n in row] for row in worst["confusion"]["counts"]]
    assert [row[1:] for row in rows] == shares
