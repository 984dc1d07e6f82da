"""How many runs a sweep asks for, counted before Hydra writes them all down."""

import math
from collections.abc import Mapping, Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, RangeSweep

from deltaflow.system.errors import UserError

MOST_RUNS = 10_000
"""Runs that a sweep may have. Hydra composes them all, a few a second, before the first begins."""


def extent(overrides: Sequence[str], params: Mapping[str, object] | None) -> dict[str, float]:
    """How many values a sweep gives to each setting that varies.

    Args:
        overrides: as typed, with all their values.
        params: values to sweep over by name, from an experiment file.

    Raises:
        ValueError: if its combinations are more than ``MOST_RUNS``.
    """
    typed = [*(f"{name}={values}" for name, values in (params or {}).items()), *overrides]
    counts = {
        override.get_key_element(): n_values(override)
        for override in OverridesParser.create().parse_overrides(typed)
    }  # of two overrides of one setting the last counts
    n_runs = math.prod(counts.values())
    if n_runs > MOST_RUNS:
        most = max(counts, key=lambda key: counts[key])
        raise UserError(
            f"A sweep must have at most {MOST_RUNS:,} runs. Found {_in_words(n_runs)}, with "
            f"{_in_words(counts[most])} values of `{most}`. Give fewer values, use `n_seeds=…` for "
            "seeds, or make several sweeps."
        )
    return {name: count for name, count in counts.items() if count > 1}


def n_values(override: Override) -> float:
    """How many values an override gives to its setting; infinite where a range has no end."""
    value: object = override.value()  # which Hydra types without Glob
    running = GlobalHydra.instance()
    if isinstance(value, Glob) and running.is_initialized():
        options = running.config_loader().get_group_options(override.key_or_group)
        return len(value.filter(options)) or 1  # what is no group has none, and will be refused
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if not isinstance(value, RangeSweep) or value.start is None or value.stop is None:
        return 1
    if value.step == 0 or not math.isfinite(value.stop - value.start):
        return math.inf
    return max(0, math.ceil((value.stop - value.start) / value.step))


def _in_words(number: float) -> str:
    return "endlessly many" if math.isinf(number) else f"{number:,}"
