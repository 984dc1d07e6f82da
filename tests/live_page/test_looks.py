"""Colours of the page's figures, for every eye and without colour."""

from itertools import combinations

import numpy as np
import pytest
from bokeh.models import Line, Scatter

from deltaflow.live_page.figures.display import Display
from deltaflow.live_page.figures.looks import DARK, LIGHT
from deltaflow.live_page.figures.predictions_figure import _MARKERS
from seeing import SIGHTS, contrast, lab

PAPERS = {"light": LIGHT, "dark": DARK}


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_what_is_drawn_side_by_side_differs_for_every_eye(paper, sight):
    seen = [lab(color, sight) for color in paper.colors[:6]]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 18


@pytest.mark.parametrize("paper", PAPERS.values(), ids=PAPERS)
def test_every_colour_stands_out_from_the_paper(paper):
    for color in (*paper.colors, paper.ink, paper.quiet):
        assert contrast(color, paper.background) >= 3
    assert min(contrast(color, paper.background) for color in (paper.ink, paper.quiet)) >= 4.5


def test_without_colour_lines_differ_by_dash_or_marker():
    for figure in Display(dark=False).figures:
        marks = []
        for item in figure.figure.legend.items if figure.figure.legend else ():
            glyphs = [r.glyph for r in item.renderers]
            own = {source.id for source in (r.data_source for r in item.renderers)}
            dots = [r.glyph for r in figure.figure.renderers
                    if r.data_source.id in own and isinstance(r.glyph, Scatter)]  # fmt: skip
            dashes = [tuple(one.line_dash) for one in glyphs if isinstance(one, Line)]
            marks.append((tuple(dashes), tuple(one.marker for one in dots)))
        assert len(set(marks)) == len(marks)


def test_without_colour_classes_differ_by_marker():
    assert len(set(_MARKERS)) == len(_MARKERS) == len(LIGHT.colors) == len(DARK.colors)
