"""Why ten sigmoid layers do not learn, found from the page alone by the moves of docs/live.md."""

import numpy as np
import pytest

from visiting import button, only, shown
from waiting import wait_until

pytestmark = pytest.mark.slow


def decades(line):
    """How far a line falls from the last hidden layer to the first."""
    return np.log10(line[-1] / line[0])


def test_why_ten_sigmoid_layers_do_not_learn(visit, served):
    tab = visit("?trainer.max_epochs=20")
    page, sentence = only(served), tab.get_by_role("status").first

    def part(name, number):
        return shown(tab, name)[number]["y"]

    def play():
        button(tab, "Play").click()
        tab.get_by_text("at its end").wait_for()
        wait_until(lambda: len(part("Accuracy by step", 2)) == 20)
        return part("Accuracy by step", 2)

    tab.get_by_label("activation", exact=True).select_option("sigmoid")
    tab.get_by_text("depth: 2").wait_for()
    slider = tab.get_by_role("slider").nth(2)
    for depth in range(3, 11):
        slider.press("ArrowRight")
        tab.get_by_text(f"depth: {depth}", exact=True).wait_for()
    wait_until(lambda: "too deep" in sentence.inner_text())
    wait_until(lambda: len(part("depth profile of δ", 6)) == 10)
    assert round(decades(part("depth profile of δ", 6))) == 8

    tab.get_by_text("step 1 of").wait_for()
    assert max(play()) < 0.5  # of three classes
    wait_until(lambda: "Gradients vanish" in sentence.inner_text())
    assert decades(part("depth profile of δ", 4)[:-1]) > 7
    assert "activation=relu init=he" in sentence.inner_text()

    tab.get_by_label("activation", exact=True).select_option("relu")
    wait_until(lambda: page.settings.chosen["activation"] == "relu")
    tab.get_by_label("init", exact=True).select_option("he")
    wait_until(lambda: page.settings.chosen.get("init") == "he")
    tab.get_by_text("step 1 of").wait_for()
    wait_until(lambda: "vanish" not in sentence.inner_text())
    wait_until(lambda: abs(decades(part("depth profile of δ", 4)[:-1])) < 0.7)
