"""Groups runs into configurations: runs that differ only in their seeds.

Runs have the same configuration if the texts of their configurations are equal, apart from seeds
and output directories. Without such a text, hyperparameters and overrides are compared. Settings
of the device count only if some runs differ in nothing else, as in a sweep over devices. So a
sweep that was resumed on another device is grouped as before.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from deltaflow.comparison.collection import CollectedRun, finite_or_none
from deltaflow.comparison.configurations.configuration import (
    ENDED,
    Axis,
    Configuration,
    Value,
    read_value,
    text,
)
from deltaflow.config.neutral_settings import NEUTRAL, RECORDING

SEEDS = ("seed", "n_seeds")
_NEVER_AXES = tuple(name for name in RECORDING if "." not in name)
_SELDOM_AXES = tuple(name for name in NEUTRAL if name not in _NEVER_AXES)


def distinct(runs: Sequence[CollectedRun]) -> list[CollectedRun]:
    """Leave out runs that repeat the configuration and the seeds of another run.

    Returns:
        From each group of equal runs, the one that has ended or else the latest.
    """
    chosen: dict[str, CollectedRun] = {}
    for run in runs:
        key = _decisive_settings(run)
        if key not in chosen or _precedence(run) > _precedence(chosen[key]):
            chosen[key] = run
    kept = {id(run) for run in chosen.values()}
    return [run for run in runs if id(run) in kept]


def numbered(runs: Sequence[CollectedRun]) -> dict[int, CollectedRun]:
    """Runs by the number of their directory, or counted from 0 if these are not unique."""
    found = [re.match(r"[0-9]{1,9}(?=_|$)", run.name) for run in runs]
    numbers = [int(match[0]) for match in found if match]
    if len(set(numbers)) < len(runs):
        return dict(enumerate(runs))
    return dict(sorted(zip(numbers, runs, strict=True), key=lambda item: item[0]))


def configurations(
    runs: Mapping[int, CollectedRun],
) -> tuple[list[Configuration], list[Axis]]:
    """Group runs, and find the settings that vary.

    Args:
        runs: the runs by number.

    Returns:
        The configurations in the order of their first runs, and the axes in the order of the
        overrides.
    """
    without = (*SEEDS, *_ignored(list(runs.values())))
    groups: dict[str, dict[int, CollectedRun]] = {}
    for number, run in runs.items():
        groups.setdefault(_decisive_settings(run, without), {})[number] = run
    firsts = [next(iter(group.values())) for group in groups.values()]
    settings = [_settings(run, without) for run in firsts]
    values = {
        name: [_value(run, typed, name) for run, typed in zip(firsts, settings, strict=True)]
        for name in _varied(firsts, settings)
    }
    axes = [Axis(name, _ordered(some)) for name, some in values.items() if len(set(some)) > 1]
    found = []
    for place, group in enumerate(groups.values()):
        own = {axis.name: values[axis.name][place] for axis in axes}
        label = _label(own) if axes else _typed(firsts[place])
        found.append(Configuration(next(iter(group)), group, own, label))
    return _with_unique_labels(found), axes


def _ignored(runs: Sequence[CollectedRun]) -> tuple[str, ...]:
    """Names of settings of the device, unless some runs differ in nothing else."""
    without = {_decisive_settings(run, _SELDOM_AXES) for run in runs}
    return _SELDOM_AXES if len(without) == len({_decisive_settings(run) for run in runs}) else ()


def _varied(runs: Sequence[CollectedRun], settings: Sequence[Mapping[str, str]]) -> list[str]:
    """Names of settings that some run overrides and that are not equal in all runs."""
    described = [
        typed
        for run, typed in zip(runs, settings, strict=True)
        if typed or run.summary.choices or run.summary.hyperparameters
    ]
    names = dict.fromkeys(name for typed in described for name in typed)
    return [name for name in names if len({typed.get(name) for typed in described}) > 1]


def _label(axes: Mapping[str, Value]) -> str:
    known = [f"{name}={text(value)}" for name, value in axes.items() if value is not None]
    return " ".join(known) or "defaults"


def _typed(run: CollectedRun) -> str:
    """All overrides of a run, as a label for a run that no axis distinguishes."""
    overrides = [o for o in run.summary.overrides if _name(o)]
    return " ".join(overrides) or "defaults"


def _with_unique_labels(found: Sequence[Configuration]) -> list[Configuration]:
    """Add the name of the directory to labels that are not unique."""
    counts = Counter(one.label for one in found)
    return [
        one if counts[one.label] == 1 else replace(one, label=f"{one.label} [{one.first.name}]")
        for one in found
    ]


def _settings(run: CollectedRun, without: Sequence[str]) -> dict[str, str]:
    """The values of a run's overrides as texts, by name."""
    pairs = (override.partition("=") for override in run.summary.overrides)
    named = ((_name(key), value) for key, _, value in pairs)
    return {name: value for name, value in named if name and name not in without}


def _name(override: str) -> str | None:
    """The setting that an override names; ``None`` if it only sets the seeds."""
    name = override.partition("=")[0].lstrip("+~").removesuffix("._target_")
    top = re.split(r"[./@]", name, maxsplit=1)[0]
    return None if top in _NEVER_AXES or name in SEEDS else name


def _value(run: CollectedRun, typed: Mapping[str, str], name: str) -> Value:
    """The value of a setting in a run, from its hyperparameters, overrides or chosen options.

    A setting without effect, such as the width of a network without hidden layers, has the value
    of its override.
    """
    known = run.summary.hyperparameters
    if name in known and not (known[name] is None and name in typed):
        value = known[name]
        if finite_or_none(value) is not None:
            return value  # a whole number stays one
        was_null = typed.get(name) == "null"  # then sizes that follow from depth do not count
        return "null" if value is None or was_null else str(value)
    if name in typed:
        return read_value(typed[name])
    return run.summary.choices.get(name)


def _ordered(values: Iterable[Value]) -> tuple[str | float, ...]:
    some = [value for value in dict.fromkeys(values) if value is not None]
    numbers = sorted(value for value in some if not isinstance(value, str))
    return (*numbers, *(value for value in some if isinstance(value, str)))


def _decisive_settings(run: CollectedRun, without: Sequence[str] = ()) -> str:
    """The text of a run's configuration without the settings that do not change the result."""
    if kept := _without(run.config, (*_NEVER_AXES, *without)):
        return kept
    settings = run.summary.hyperparameters or run.summary.choices
    settings = {name: value for name, value in settings.items() if name not in without}
    overrides = [
        o
        for o in run.summary.overrides
        if _name(o) or (set(SEEDS) - set(without)) & {o.partition("=")[0]}
    ]
    if not settings and not overrides:
        return str(run.directory.resolve())
    return json.dumps([settings, sorted(overrides)], sort_keys=True, default=str)


def _without(config: str, names: Sequence[str]) -> str:
    """The text of a configuration without some settings, named ``key`` or ``group.key``."""
    kept, top, left_out = [], "", -1
    for line in config.splitlines():
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        within = indent > left_out or (indent == left_out and text.startswith("-"))
        if left_out >= 0 and (within or not text):
            continue
        left_out = -1
        key = text.partition(":")[0]
        top = key if indent == 0 else top
        if (indent == 0 and key in names) or (indent == 2 and f"{top}.{key}" in names):
            left_out = indent
        elif text and not text.startswith("#"):
            kept.append(line)
    return "\n".join(kept)


def _precedence(run: CollectedRun) -> tuple[bool, str]:
    return run.status in ENDED, run.summary.started or ""
