"""A canvas that caches the pixels of texts.

Drawing texts takes half the time of a run's picture, and in the pictures of a sweep most texts are
the same at the same place. Pixels are cached and copied only on a white background, so the result
is the same as without the cache.
"""

from collections.abc import Hashable
from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text

_MAX_BYTES = 2**24  # of cached pixels: 8 kB for most texts, 80 kB for a headline
_BORDER = 3  # pixels by which letters may extend beyond the extent of a text
_WHITE = 255
Array = np.typing.NDArray[np.uint8]


class TextCachingCanvas(FigureCanvasAgg):
    """A canvas for a figure that is drawn repeatedly."""

    def get_renderer(self) -> RendererAgg:
        """The renderer, which is made once for each size."""
        width, height = self.get_width_height(physical=True)
        renderer: RendererAgg | None = getattr(self, "renderer", None)
        size = width, height, self.figure.dpi
        if renderer is None or (renderer.width, renderer.height, renderer.dpi) != size:
            renderer = self.renderer = TextCachingRenderer(*size)
        return renderer


class TextCachingRenderer(RendererAgg):
    """Draws a text, or copies its cached pixels."""

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)  # type: ignore[no-untyped-call]
        self._cache: dict[Hashable, Array] = {}
        self._n_bytes = 0  # of all arrays in the cache

    def draw_text(
        self, gc: GraphicsContextBase, x: float, y: float, s: str, prop: FontProperties,
        angle: float, ismath: Any = False, mtext: Text | None = None,
    ) -> None:  # fmt: skip
        """Draw a text; the arguments are those of Matplotlib's renderers."""

        def draw() -> None:
            arguments = gc, x, y, s, prop, angle, ismath, mtext
            super(TextCachingRenderer, self).draw_text(*arguments)  # type: ignore[no-untyped-call]

        pixels = None if mtext is None else self._pixels_of(mtext)
        if pixels is None or gc.get_clip_rectangle() is not None or pixels.min() < _WHITE:
            draw()
            return
        look = gc.get_rgb(), gc.get_alpha(), gc.get_antialiased()
        key = s, x, y, hash(prop), angle, ismath, look, pixels.shape
        if (cached := self._cache.get(key)) is not None:
            pixels[...] = cached
            return
        draw()
        if self._n_bytes + pixels.nbytes > _MAX_BYTES:
            self._cache.clear()
            self._n_bytes = 0
        self._cache[key] = pixels.copy()
        self._n_bytes += pixels.nbytes

    def _pixels_of(self, text: Text) -> Array | None:
        """The pixels of a text and its border, ``[height, width, 4]``; ``None`` for no text."""
        box = text.get_window_extent(self)
        left, right = int(box.x0) - _BORDER, int(box.x1) + _BORDER + 1
        top, bottom = int(self.height - box.y1) - _BORDER, int(self.height - box.y0) + _BORDER + 1
        pixels = np.asarray(self.buffer_rgba())  # type: ignore[no-untyped-call]
        found = pixels[max(top, 0) : bottom, max(left, 0) : right]
        return found if found.size else None
