"""Pages of sweeps of any size and end, and with hostile strings."""

import pytest

import synthetic
from chromium import SECTIONS, draw, listed, panels

pytestmark = pytest.mark.slow

CONTENTS = {name: getattr(synthetic, name) for name in (
    "small", "one_run", "no_axis", "one_axis", "linear", "all_failed", "all_diverged", "empty",
    "hostile",
)}  # fmt: skip


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
        if page.locator(f"#{section}").is_hidden():
            continue
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
