"""Colours, markers and scales, which figures, page and lessons share."""

import json
import re
from importlib import resources

import pytest

from deltaflow.figures.looks import COLORS, MARKERS, log_ticks

NAMES = {"o": "circle", "s": "square", "D": "diamond", "^": "triangle-up", "X": "x",
         "v": "triangle-down", "P": "cross", "*": "star"}  # fmt: skip


def of_the_page(name):
    """A list in the page's own script."""
    script = (resources.files("deltaflow.page") / "assets" / "looks.js").read_text("utf-8")
    (found,) = re.findall(rf"const {name} = (\[.*?\]);", script, re.DOTALL)
    return json.loads(re.sub(r",\s*\]", "]", found))


def test_the_page_has_the_same_colours_and_markers():
    assert list(COLORS) == of_the_page("LIGHT")
    assert [NAMES[marker] for marker in MARKERS] == of_the_page("MARKERS")


@pytest.mark.parametrize(
    ("low", "high"), [(-1.2, 0.3), (-12, 3), (-0.2, 0.9), (-300, 5), (199, 201)]
)
def test_a_logarithmic_axis_has_a_few_ticks_that_can_be_read(low, high):
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    for text, value in ticks.items():
        assert 10**low * 0.999 <= value <= 10**high * 1.001
        assert len(text) <= 6
