"""The page in Chromium: it shows what the run records, and each control does what it says."""

import numpy as np
import pytest

from deltaflow import load_run
from deltaflow.live_page.lessons import LESSONS
from running import run
from visiting import button, frames, only, shown, wait_until_left
from waiting import wait_until

pytestmark = pytest.mark.slow


def test_the_page_shows_what_the_run_records(visit, served, tmp_path):
    tab = visit("?activation=tanh&network.depth=4&n_seeds=4&trainer.max_epochs=2&data=moons")
    tab.get_by_text("Verdict.").wait_for()
    tab.get_by_text("step 1 of 38").wait_for()
    button(tab, "One step").click()
    tab.get_by_text("step 2 of 38").wait_for()
    button(tab, "One epoch").click()
    tab.get_by_text("step 19 of 38 · epoch 1 of 2").wait_for()
    button(tab, "Play").click()
    tab.get_by_text("at its end").wait_for()
    command = tab.get_by_label("the same, on the command line").input_value()
    done = run(command.split()[2:], tmp_path)
    wait_until(lambda: shown(tab, "Loss by step")[1]["x"] == [19, 38])
    logs = np.log(done.layers.filter(step=37)["delta_norm"].to_numpy().reshape(4, 5))
    now = shown(tab, "depth profile of δ")
    assert next(r["y"] for r in now[4:5]) == pytest.approx(np.exp(logs.mean(0)))
    for part, index in (("train", 1), ("validation", 2)):
        rows = done.metrics.filter(split=part)
        for name, figure in (("loss", "Loss by step"), ("accuracy", "Accuracy by step")):
            means = [rows.filter(epoch=e)[name].mean() for e in (0, 1)]
            assert shown(tab, figure)[index]["y"] == pytest.approx(means)
    tab.get_by_text(done.verdicts[0].words).first.wait_for()


def test_the_browser_hears_of_every_change(visit, served):
    tab = visit("?activation=sigmoid&network.depth=5&n_seeds=2&trainer.max_epochs=2&data=moons")
    page = only(served)
    tab.get_by_text("step 1 of 38").wait_for()
    for act, comes in (("One step", "step 2 of"), ("One epoch", "step 19 of"), ("Play", "its end")):
        button(tab, act).click()  # what is playing when a setting changes goes on playing
        tab.get_by_text(comes).wait_for()
    tab.get_by_label("activation", exact=True).select_option("tanh")
    tab.get_by_text("step 1 of").wait_for()

    def known():
        figures = [one.figure for one in page.display.figures]
        return {f.name: [f.title.text, f.x_range.start, f.x_range.end, f.y_range.start,
                         f.y_range.end] for f in figures}  # fmt: skip

    wait_until(lambda: page.training._is_resting() and frames(tab) == known())


def test_each_control_does_what_it_says(visit, served):
    tab = visit()
    page = only(served)
    for label, value, key, expected in (
        ("activation", "leaky", "activation", "leaky"),
        ("init", "normal", "init", "normal"),
        ("normalization", "layer", "network.normalization", "layer"),
        ("optimizer", "adam", "optimizer", "adam"),
        ("data", "spirals", "data", "spirals"),
    ):
        tab.get_by_label(label, exact=True).select_option(value)
        wait_until(lambda k=key, e=expected: page.settings.chosen.get(k) == e)
    for label, value, key, expected in (
        ("learning rate", "0.003", "optimizer.lr", 0.003),
        ("width", "12", "network.width", 12),
        ("batch size (null: all)", "null", "data.batch_size", None),
        ("epochs", "2000", "trainer.max_epochs", 2000),
        ("first seed", "3", "seed", 3),
    ):
        tab.get_by_label(label, exact=True).fill(value)
        tab.keyboard.press("Enter")
        wait_until(lambda k=key, e=expected: page.settings.chosen.get(k, "") == e)
    handle = tab.locator(".noUi-handle").nth(2)  # after the two σ
    before = page.config.network.depth
    handle.focus()
    tab.keyboard.press("ArrowRight")
    wait_until(lambda: page.config.network.depth == before + 1)
    for part in ("activation=leaky", "optimizer.lr=0.003", "data.batch_size=null", "seed=3"):
        wait_until(lambda p=part: p in tab.evaluate("location.href"))
    button(tab, "Play").click()
    button(tab, "Pause").click()
    wait_until(lambda: not page.training.is_playing)
    first = page.training
    button(tab, "Start over").click()
    wait_until(lambda: page.training is not first)


def test_what_is_wrong_is_said_beside_its_field(visit, served):
    tab = visit()
    only(served)
    tab.get_by_label("learning rate").fill("fast")
    tab.keyboard.press("Enter")
    alert = tab.get_by_role("alert")
    alert.wait_for()
    assert "optimizer.lr" in alert.inner_text()
    field, said = tab.get_by_label("learning rate").bounding_box(), alert.bounding_box()
    assert 0 <= said["y"] - field["y"] < 60
    assert abs(said["x"] - field["x"]) < 20


def test_lessons_are_links(visit, served):
    tab = visit()
    links = {lesson.title: f"?lesson={lesson.name}" for lesson in LESSONS}
    for title, address in links.items():
        assert tab.get_by_role("link", name=title).get_attribute("href") == address
    lesson = LESSONS[-1]
    tab.get_by_role("link", name=lesson.title).click()
    tab.get_by_text(lesson.do).wait_for()
    assert f"lesson={lesson.name}" in tab.url
    for key, value in lesson.chosen.items():
        assert f"{key}={value}" in tab.get_by_label("the same, on").input_value()


def test_a_url_that_asks_for_what_is_not_there_says_so(visit):
    tab = visit("?activation._target_=os.system")
    assert "must be one of" in tab.get_by_role("alert").inner_text()


def test_it_fits_a_laptop_and_a_phone_in_both_colours(visit):
    tab = visit("?theme=dark")
    tab.get_by_text("Verdict.").wait_for()
    size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert tab.evaluate(size) == [1280, 800]
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    button(tab, "Light").click()
    wait_until(lambda: tab.evaluate("getComputedStyle(document.body).backgroundColor") != dark)
    tab.set_viewport_size({"width": 400, "height": 800})
    wait_until(lambda: tab.evaluate(size)[0] == 400)


def test_visitors_are_apart_and_few(visit, served):
    pages, _ = served
    first, second = visit("?activation=tanh"), visit("?activation=elu")
    first.get_by_text("Verdict.").wait_for()
    second.get_by_text("Verdict.").wait_for()
    assert {page.settings.chosen["activation"] for page in pages.open} == {"tanh", "elu"}
    third = visit()
    third.get_by_text("Close one of them").wait_for()
    trainings = [page.training for page in pages.open]
    first.close()
    second.close()
    wait_until_left(pages)
    assert all(one._closed for one in trainings)


def test_a_page_is_kept_as_an_ordinary_run(visit, served, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tab = visit("?trainer.max_epochs=5&network.width=8")
    page = only(served)
    tab.get_by_text("step 1 of").wait_for()
    button(tab, "One epoch").click()
    tab.get_by_text("epoch 1 of 5").wait_for()
    page.training.wait()
    button(tab, "Save as report").click()
    tab.get_by_text("Saved:").wait_for()
    (directory,) = (tmp_path / "outputs").iterdir()
    saved = load_run(directory)
    assert saved.record.status == "completed"
    rows = page.training.history.layers.rows
    assert saved.layers.filter(step=3)["delta_norm"].equals(rows.filter(step=3)["delta_norm"])
