"""The names of run and sweep directories, which are readable and unique."""

import os
import re
import secrets
import shlex
import time
from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser

from deltaflow.config.hyperparameters import swept

SLUG_BYTES = 80  # file systems allow 255 bytes, and other parts of a name are added
SLUG = re.compile(r"[0-9]{1,9}(_[A-Za-z0-9_.=,+-]{0,80})?")
"""Matches the names that `slug` makes, and a few more."""
_PATHS = ("resume", "sweep.resume", "data.path")
_PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")  # most of these texts need no quotes
_CLASS = re.compile(r"_target_\b|^[+~]*hydra\b")


def axes(overrides: Sequence[str], params: Mapping[str, str] | None) -> list[str]:
    """The settings that a sweep varies, by its overrides and by ``hydra.sweeper.params``."""
    return list(dict.fromkeys([*(params or {}), *swept(overrides)]))


def slug(varied: Sequence[str], number: int | str, overrides: Sequence[str]) -> str:
    """The name of a run within its sweep: its number and its overrides.

    Only overrides of varied settings are included, or all if none varies. The group of a key is
    left out if the key is unique without it. The name is cut to 80 bytes.

    Args:
        varied: the settings that the sweep varies.
        number: number of the run.
        overrides: the run's overrides.

    >>> slug(["network.depth", "data.path"], 3, ["n_seeds=9", "network.depth=5", "data.path=/my t"])
    '3_depth=5,path=-my-t'
    >>> slug(["network.hidden_sizes"], 4, ["network.hidden_sizes=[64,32]"])
    '4_hidden_sizes=64-32'
    >>> slug(["optimizer.lr"], 10, ["optimizer.lr=0.011000000000000001"])  # of a range of floats
    '10_lr=0.011'
    """
    own = [o for o in overrides if not _key(o).startswith("sweep.")]
    chosen = [o for o in own if _key(o) in varied] or own
    ends = [_key(o).rpartition(".")[2] for o in chosen]
    brief = [
        f"{o.lstrip('+').partition('=')[0] if ends.count(end) > 1 else end}={_value(o)}"
        for o, end in zip(chosen, ends, strict=True)
    ]
    return _cut(f"{number}_{_readable(','.join(brief))}")


def _value(override: str) -> str:
    """The value of an override, a number to 12 digits."""
    value = override.partition("=")[2]
    try:
        return f"{float(value):.12g}" if "." in value and len(value) > 12 else value
    except ValueError:
        return value


def unique_name(overrides: str = "", kind: str = "") -> str:
    """The name of a new run or sweep directory: kind, time, overrides and a random token.

    Two names made in the same second for the same overrides are equal once in 16 million cases;
    then the second run is refused.

    >>> unique_name("network.depth=5,activation=tanh")[17:-7]
    '_depth=5,activation=tanh'
    """
    stamp = time.strftime("%Y-%m-%d_%H%M%S")
    settings = re.sub(r"(^|,)(?:\w+\.)+(?=\w+=)", r"\1", overrides)
    return "_".join(filter(None, [kind, stamp, _cut(_readable(settings)), secrets.token_hex(3)]))


def sweep_directory(resumed: str | None, varied: Sequence[str]) -> str:
    """The directory of a sweep: a new one, or that of the sweep that is resumed.

    A new name has no character that would need quotes in ``sweep.resume=…``.

    Args:
        resumed: directory of the sweep to resume; ``None`` for a new sweep.
        varied: the settings that the sweep varies.
    """
    if resumed is not None:
        return resumed
    return f"outputs/{unique_name('+'.join(varied), kind='sweep')}"


def resume_command(directory: str) -> str:
    """The command that resumes the run in a directory."""
    return f"python train.py {resume_override(directory, 'resume')}"


def resume_override(sweep: str, key: str = "sweep.resume") -> str:
    r"""The override that resumes the sweep in a directory, quoted for a shell if necessary.

    >>> resume_override("outputs/sweep_2026"), resume_override("a, b")
    ('sweep.resume=outputs/sweep_2026', '\'sweep.resume="a, b"\'')
    """
    return shlex.quote(_as_text(key, sweep))


def quoted(text: str) -> str:
    """A text in quotes that Hydra's override grammar accepts."""
    doubled = re.sub(r'(\\+)(?="|\Z)', r"\1\1", text)  # backslashes before a quote
    return '"' + doubled.replace('"', r"\"") + '"'


def with_quoted_paths(overrides: Sequence[str]) -> list[str]:
    """Put the paths of existing files and directories into quotes, where the grammar needs some.

    Names of run directories have equals signs and commas, and file names have letters of any
    alphabet. Typed as a shell completes them, they would not be read as one text.
    """
    found = []
    for override in overrides:
        key, sign, value = override.partition("=")
        is_path = sign and key.lstrip("+") in _PATHS and os.path.lexists(value)
        found.append(_as_text(key, value) if is_path else override)
    return found


def _as_text(key: str, text: str) -> str:
    """The override of a setting by a text, in quotes if the grammar would not read it as one."""
    plain = f"{key}={text}"
    if _PLAIN.fullmatch(text):
        (override,) = OverridesParser.create().parse_overrides([plain])
        if override.value() == text:  # names such as null, FALSE or 007 need quotes
            return plain
    return f"{key}={quoted(text)}"


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _readable(overrides: str) -> str:
    lists = re.compile(r"\[([^\[\]]*)\]")  # [64,32] becomes 64-32
    overrides = lists.sub(lambda found: re.sub(r"[,\s]+", "-", found[1].strip()), overrides)
    return re.sub(r"[^A-Za-z0-9_.=,+-]+", "-", overrides).strip("-.,")


def _cut(name: str) -> str:
    return name[:SLUG_BYTES].rstrip("-_.,=")


def named_classes(overrides: Sequence[str]) -> list[str]:
    """The overrides that name a class or change Hydra; they are not taken from a directory."""
    return [override for override in overrides if _CLASS.search(override)]
