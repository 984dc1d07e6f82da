"""Lines of single seeds, for few seeds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from deltaflow.comparison.series.bands import FEW


def values_by_seed(
    frame: pl.DataFrame, keys: Sequence[str], place: str, name: str
) -> dict[tuple[Any, ...], dict[int, dict[int, float | None]]]:
    """The values by seed and place of each group with several seeds, but too few for a band.

    Args:
        frame: rows with the columns ``keys``, ``seed``, ``place`` and ``name``.
        keys: columns that identify a group.
        place: the column of places, such as the layer.
        name: the column of values.
    """
    some = pl.col("seed").n_unique().over(keys).is_between(2, FEW - 1)
    found: dict[tuple[Any, ...], dict[int, dict[int, float | None]]] = {}
    rows = frame.filter(some).select(*keys, "seed", place, name).sort("seed")
    for *key, seed, at, value in rows.iter_rows():
        found.setdefault(tuple(key), {}).setdefault(seed, {})[at] = value
    return found


def lines(
    seeds: Mapping[int, Mapping[int, float | None]] | None, places: Iterable[int]
) -> list[list[float | None]]:
    """One list of values over the places for each seed; ``None`` where a seed has no value."""
    some = list(places)
    return [[own.get(place) for place in some] for own in (seeds or {}).values()]
