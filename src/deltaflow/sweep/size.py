"""Counts the runs of a sweep before Hydra lists them."""

import math
from collections.abc import Mapping, Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, RangeSweep

from deltaflow.system.errors import UserError

MAX_RUNS = 10_000
"""Largest number of runs. Hydra composes all, a few per second, before the first begins."""


def values_per_setting(
    overrides: Sequence[str], params: Mapping[str, object] | None
) -> dict[str, float]:
    """Number of values of each setting that varies in a sweep.

    Args:
        overrides: the overrides as typed.
        params: values to sweep over by setting, from ``hydra.sweeper.params``.

    Raises:
        ValueError: if there are more than ``MAX_RUNS`` combinations.
    """
    typed = [*(f"{name}={values}" for name, values in (params or {}).items()), *overrides]
    counts = {
        override.get_key_element(): n_values(override)
        for override in OverridesParser.create().parse_overrides(typed)
    }  # the last override of a setting counts
    n_runs = math.prod(counts.values())
    if n_runs > MAX_RUNS:
        most = max(counts, key=lambda key: counts[key])
        raise UserError(
            f"A sweep must have at most {MAX_RUNS:,} runs. Found {_in_words(n_runs)}, with "
            f"{_in_words(counts[most])} values of `{most}`. Give fewer values, use `n_seeds=…` for "
            "seeds, or make several sweeps."
        )
    return {name: count for name, count in counts.items() if count > 1}


def n_values(override: Override) -> float:
    """Number of values in an override; infinite for a range without end."""
    value: object = override.value()  # Hydra's annotation lacks Glob
    running = GlobalHydra.instance()
    if isinstance(value, Glob) and running.is_initialized():
        options = running.config_loader().get_group_options(override.key_or_group)
        return len(value.filter(options)) or 1  # a setting has no options; Hydra refuses it
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if not isinstance(value, RangeSweep) or value.start is None or value.stop is None:
        return 1
    if value.step == 0 or not math.isfinite(value.stop - value.start):
        return math.inf
    return max(0, math.ceil((value.stop - value.start) / value.step))


def _in_words(number: float) -> str:
    return "endlessly many" if math.isinf(number) else f"{number:,}"
