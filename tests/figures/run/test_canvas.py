"""The canvas that caches texts: what it keeps is bounded, and changes nothing that is drawn."""

import numpy as np
from matplotlib.figure import Figure

from deltaflow.figures.run import canvas
from deltaflow.figures.run.canvas import TextCachingCanvas


def test_the_cache_of_ever_new_texts_is_bounded(monkeypatch):
    monkeypatch.setattr(canvas, "_MAX_BYTES", 100_000)
    figure = Figure(figsize=(3, 1), dpi=100)
    drawing = TextCachingCanvas(figure)
    for number in range(40):
        figure.texts.clear()
        figure.text(0.1, 0.5, f"run number {number}", fontsize=14)
        drawing.draw()
        cached = drawing.get_renderer()._cache
        assert 0 < sum(pixels.nbytes for pixels in cached.values()) <= 100_000
    again = np.array(drawing.buffer_rgba())
    cached.clear()
    drawing.draw()
    assert np.array_equal(again, drawing.buffer_rgba())
