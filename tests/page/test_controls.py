"""Themes, paper, copies and keys of a page."""

import pytest

import synthetic
from chromium import SECTIONS, draw, listed, panels, settled, ticked

pytestmark = pytest.mark.slow

PAPER = {"light": "#ffffff", "dark": "#15171a"}


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_is_the_systems_until_it_is_chosen(system, visit):
    other = {"light": "dark", "dark": "light"}[system]
    one = visit(synthetic.small(), color_scheme=system)
    page = one.page
    sections = ("effects", "decay")
    draw(page, *sections)
    papers = {panel["paper"] for section in sections for panel in panels(page, section)}
    assert papers == {PAPER[system]}
    assert page.inner_text("#theme") == f"{other.capitalize()} theme"
    page.click("#theme")
    draw(page, *sections)
    papers = {panel["paper"] for section in sections for panel in panels(page, section)}
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
    assert len(panels(page, "profiles")) == 2
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
    assert page.locator("section").count() == page.locator("section > h2").count() == 12
    assert page.locator("h1").count() == 1
