"""The search space from overrides: lists of values, ranges and intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig, OmegaConf

from deltaflow.sweep.size import n_values
from deltaflow.system.errors import UserError

_DIGITS = 4  # significant digits of a proposed number


@dataclass(frozen=True)
class Dimension:
    """One setting that varies.

    Attributes:
        name: name of the setting, as in an override, with its plus if it has one.
        typed: the values as typed.
        choices: the texts to choose from; empty for numbers.
        low: smallest number.
        high: largest number, inclusive.
        step: distance between numbers; ``None`` for continuous values.
        log: whether numbers are sampled on a logarithmic scale.
        whole: whether numbers are integers.
    """

    name: str
    typed: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False
    whole: bool = False

    def override(self, value: str | float) -> str:
        """The override that sets the setting to a value."""
        return f"{self.name}={value if isinstance(value, str) else f'{value:.{_DIGITS}g}'}"


def search_space(
    overrides: Sequence[str], config: DictConfig, loader: ConfigLoader | None = None
) -> tuple[list[Dimension], list[str]]:
    """The settings that vary, and the other overrides.

    Args:
        overrides: the overrides as typed.
        config: the sweep's configuration; its defaults tell which settings are integers.
        loader: Hydra's config loader, which lists the options for ``glob(*)``.

    Raises:
        ValueError: if no setting varies, or a range or interval is not valid.
    """
    parser = OverridesParser.create(loader)
    parsed = {o.get_key_element(): o for o in parser.parse_overrides(list(overrides))}
    space = [_dimension(o, config) for o in parsed.values() if o.is_sweep_override()]
    fixed = [str(o.input_line) for o in parsed.values() if not o.is_sweep_override()]
    if not space:
        raise UserError(
            "A search must be given what varies. Found nothing that does. Give a setting several "
            "values, or an interval, such as `activation=relu,tanh` or "
            "`optimizer.lr=tag(log,interval(0.001,1))`."
        )
    return space, fixed


def _dimension(override: Override, config: DictConfig) -> Dimension:
    name, value = override.get_key_element(), override.value()
    typed = str(override.input_line).partition("=")[2]
    if isinstance(value, IntervalSweep):
        default = OmegaConf.select(config, override.key_or_group, default=None)
        return _interval(name, typed, value, default)
    if isinstance(value, RangeSweep) and value.start is not None:
        n = n_values(override)
        if not 0 < n < math.inf:
            raise _refused(name, typed, "a range must hold a value, and have an end")
        low, high = sorted([value.start, value.start + (int(n) - 1) * value.step])
        whole = all(isinstance(one, int) for one in (value.start, value.step))
        return Dimension(name, typed, (), low, high, step=abs(value.step), whole=whole)
    return Dimension(name, typed, tuple(dict.fromkeys(override.sweep_string_iterator())))


def _interval(name: str, typed: str, found: IntervalSweep, default: object) -> Dimension:
    low, high = found.start, found.end
    if low is None or high is None or not -math.inf < low <= high < math.inf:
        raise _refused(name, typed, "an interval must have two finite ends, the lower one first")
    log = "log" in found.tags
    if log and low <= 0:
        raise _refused(name, typed, "what is searched by its logarithm must be above 0")
    takes_whole = isinstance(default, int) and not isinstance(default, bool)
    if takes_whole and not (low == int(low) and high == int(high)):
        raise _refused(name, typed, "it takes whole numbers, so the ends must be whole")
    whole = takes_whole or isinstance(low, int)  # as `int(interval(…))` is
    return Dimension(name, typed, (), low, high, log=log, whole=whole)


def _refused(name: str, typed: str, rule: str) -> UserError:
    return UserError(f"`{name}` cannot be searched so: {rule}. Found `{name}={typed}`. Correct it.")
