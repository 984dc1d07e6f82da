"""Places labels in a picture so that they do not overlap.

Lengths are fractions of the axes' width and height; a box is (left, bottom, right, top).

>>> occupied = [(0.0, 0.0, 0.5, 0.5)]
>>> box_near((0.4, 0.1), (0.2, 0.1), occupied)  # to the right of the occupied box
(0.5, 0.12, 0.7, 0.22)
"""

from collections.abc import Iterable, Sequence
from itertools import product

import numpy as np
from scipy.ndimage import distance_transform_edt, minimum_filter

Area = np.typing.NDArray[np.bool_]
Box = tuple[float, float, float, float]

_DISTANCES = (0.02, 0.06, 0.1, 0.14, 0.18, 0.24, 0.3, 0.36, 0.42)


def box_near(point: tuple[float, float], size: tuple[float, float], occupied: Iterable[Box]) -> Box:
    """The box nearest to a point that overlaps no occupied box; if all do, the nearest.

    Args:
        point: the point (x, y).
        size: width and height of the box.
        occupied: boxes that must not be overlapped.
    """
    boxes = list(occupied)
    candidates = [
        _clear(point, size, dx, dy)
        for dy, dx in sorted(product(_signed(), repeat=2), key=lambda d: abs(d[0]) + abs(d[1]))
    ]
    inside = [box for box in candidates if min(box) >= 0 and max(box) <= 1] or candidates
    free = (box for box in inside if not any(_overlap(box, other) for other in boxes))
    return next(free, inside[0])


def box_inside(area: Area, size: tuple[float, float], occupied: Sequence[Box]) -> Box | None:
    """The box in an area whose centre is farthest from borders and boxes; ``None`` if none fits.

    Args:
        area: whether each cell of a grid over the picture is in the area, ``[rows, columns]``.
        size: width and height of the box.
        occupied: boxes that must not be overlapped.
    """
    rows, columns = area.shape
    free = area.copy()
    for left, bottom, right, top in occupied:
        low, high = max(int(bottom * rows), 0), max(int(np.ceil(top * rows)), 0)
        free[low:high, max(int(left * columns), 0) : max(int(np.ceil(right * columns)), 0)] = False
    cells = round(size[1] * rows) | 1, round(size[0] * columns) | 1
    fits = minimum_filter(free, cells, mode="constant", cval=0)
    if not fits.any():
        return None
    distance = distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1] * fits
    row, column = np.unravel_index(int(distance.argmax()), distance.shape)
    x, y = float(column) / (columns - 1), float(row) / (rows - 1)
    return x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2


def _signed() -> list[float]:
    return [sign * distance for distance in _DISTANCES for sign in (1, -1)]


def _clear(point: tuple[float, float], size: tuple[float, float], dx: float, dy: float) -> Box:
    """The box whose nearest corner is at the offset (dx, dy) from the point."""
    left = point[0] + (dx if dx > 0 else dx - size[0])
    bottom = point[1] + (dy if dy > 0 else dy - size[1])
    box = (left, bottom, left + size[0], bottom + size[1])
    return tuple(round(side, 6) for side in box)  # type: ignore[return-value]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
