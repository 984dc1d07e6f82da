"""The settings of the page, and their form as a URL and as a command.

A setting has the key of the command line, and its value is one of a list, a number or a text. So a
URL can set these keys and nothing else: it can name no class, and no file but the table.
"""

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from deltaflow.config import limits
from deltaflow.config.arguments import as_typed
from deltaflow.config.composition.runs import compose_run, list_of_overrides
from deltaflow.config.messages import errors_explained
from deltaflow.config.options import config_directory
from deltaflow.system.errors import UserError

GROUPS = ("data", "activation", "init", "loss", "optimizer")
CHOICES: Mapping[str, Sequence[str | None]] = {
    "network.normalization": (None, "layer", "batch"),
    "network.output_activation": (None, "softmax", "sigmoid"),
}
NUMBERS: Mapping[str, tuple[float, float]] = {  # smallest and largest value
    "network.depth": (0, 50),
    "network.width": (1, 256),
    "init.sigma_w": (0, 5),
    "init.sigma_b": (0, 2),
    "activation.negative_slope": (-1, 1),
    "optimizer.lr": (0, math.inf),
    "data.batch_size": (1, math.inf),
    "n_seeds": (1, 32),
    "seed": (0, 2**31),
    "trainer.max_epochs": (1, 2000),
}
TEXTS = ("data.path", "data.target")
_REFERENCED = ("activation.negative_slope",)  # other settings take their values from these
KEYS = (*GROUPS, *CHOICES, *NUMBERS, *TEXTS)
Value = str | int | float | None
PAGE_OVERRIDES = ("diagnostics.every_n_steps=1", "logger=none")
"""Overrides that the page adds: every step is measured, and no log is written."""
_DATA_KEYS = ("data.path", "data.target", "data.batch_size")
_PLAIN = re.compile(r"[\w./-]+")


@cache
def options(key: str) -> Sequence[str | None]:
    """The options of a config group, or the values of a choice."""
    if key in GROUPS:
        return tuple(sorted(file.stem for file in (config_directory() / key).glob("*.yaml")))
    return CHOICES[key]


@dataclass(frozen=True)
class PageSettings:
    """The settings of a page.

    Attributes:
        chosen: values by key; settings that are left out have their defaults.
        others: overrides without a field on the page, as they were typed.
        tables: paths of tables that may be read; ``None`` for any.
    """

    chosen: Mapping[str, Value] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    tables: tuple[Value, ...] | None = None

    @classmethod
    def from_overrides(cls, overrides: Iterable[str]) -> "PageSettings":
        """Read settings from overrides.

        Raises:
            ValueError: for an argument that is no override of a run, or text instead of a list.
        """
        expected = "The live page must be given a list of a run's settings."
        given = list_of_overrides(overrides, expected, 'live(["activation=tanh"])')
        with errors_explained():
            parsed = OverridesParser.create().parse_overrides(given)
        own = {o.key_or_group: o.input_line or "" for o in parsed}
        chosen = {k: parse(k, own[k].partition("=")[2]) for k in own if k in KEYS}
        return cls(chosen, tuple(line for key, line in own.items() if key not in KEYS))

    def from_query(self, query: str) -> "PageSettings":
        """Read settings from the query of a URL, and keep ``others`` and ``tables``.

        Raises:
            ValueError: for an unknown key, or a value that its setting cannot have.
        """
        pairs = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
        return replace(self, chosen={key: parse(key, text) for key, text in pairs.items()})

    def with_value(self, key: str, value: Value) -> "PageSettings":
        """Change one setting; a new option of a group removes the settings of the old one."""
        chosen = dict(self.chosen)
        if key in GROUPS:
            other = _DATA_KEYS if key == "data" else [k for k in KEYS if k.startswith(f"{key}.")]
            chosen = {k: v for k, v in chosen.items() if k not in other}
        return replace(self, chosen=chosen | {key: value})

    @property
    def query(self) -> str:
        """The query of the URL with these settings."""
        return urlencode({key: as_typed(value) for key, value in self.chosen.items()})

    @property
    def overrides(self) -> list[str]:
        """The overrides of a run with these settings."""
        own = [f"{key}={_quoted(value)}" for key, value in self.chosen.items()]
        return [*self.others, *own, *self._page_overrides]

    @property
    def command(self) -> str:
        """The command line of a run with these settings."""
        return shlex.join(["python", "train.py", *self.overrides])

    @property
    def _page_overrides(self) -> list[str]:
        typed = {one.partition("=")[0] for one in self.others}
        return [one for one in PAGE_OVERRIDES if one.partition("=")[0] not in typed]

    def compose(self) -> tuple[DictConfig, Mapping[str, str | None]]:
        """Compose the configuration, with the option chosen in each group.

        Hydra composes the groups only, and only if they change, because it is slower than theory.

        Raises:
            ValueError: for settings that no run can have.
        """
        path = self.chosen.get("data.path")
        if path is not None and self.tables is not None and path not in self.tables:
            raise UserError(
                "A page that other machines reach reads no table but its owner's. Found "
                f"`data.path={path}`. Give it to the command that opens the page."
            )
        first = [key for key in (*GROUPS, *_REFERENCED) if key in self.chosen]
        typed = [f"{key}={self.chosen[key]}" for key in first]
        config, choices = _composed((*self.others, *typed, *self._page_overrides))
        config = deepcopy(config)
        for key, value in self.chosen.items():
            if key in first:
                continue
            if OmegaConf.select(config, key, default=...) is ...:
                group = key.partition(".")[0]
                raise UserError(
                    f"`{key}` must be a setting of `{group}={choices.get(group)}`. Found that it "
                    "has none such. Choose another, or leave it out."
                )
            OmegaConf.update(config, key, value)
        limits.check(config)
        return config, choices


def parse(key: str, text: str) -> Value:
    """Read the value of a setting from the text of a URL or a field.

    Raises:
        ValueError: if the page has no such setting, or the setting cannot have this value.
    """
    if key not in KEYS:
        raise UserError(
            f"A setting of the page must be one of {', '.join(KEYS)}. Found {key[:80]!r}. Give "
            "others on the command line that opens the page."
        )
    text = text.strip()
    if key in TEXTS:
        return text.strip("'\"") or None
    if key in GROUPS or key in CHOICES:
        value = None if text in ("null", "") else text
        if value not in options(key):
            names = ", ".join(map(as_typed, options(key)))
            raise UserError(f"`{key}` must be one of {names}. Found {text[:80]!r}. Choose one.")
        return value
    low, high = NUMBERS[key]
    if key == "data.batch_size" and text in ("null", ""):
        return None
    kind = float if key.startswith(("init.", "optimizer.", "activation.")) else int
    try:
        number = kind(text)
        if low <= number <= high:
            return number
    except ValueError:
        pass
    range_ = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
    raise UserError(
        f"`{key}` must be a {'whole ' if kind is int else ''}number {range_}. Found {text[:80]!r}. "
        "Type another."
    )


def _quoted(value: Value) -> str:
    """A value in Hydra's syntax."""
    if not isinstance(value, str) or _PLAIN.fullmatch(value):
        return as_typed(value)
    return "'" + value.replace("\\", "\\\\").replace("'", r"\'") + "'"


@lru_cache(maxsize=64)
def _composed(overrides: Sequence[str]) -> tuple[DictConfig, Mapping[str, str | None]]:
    with errors_explained():
        return compose_run(overrides, Path())
