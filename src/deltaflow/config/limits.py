"""The limits of the values in a configuration: one table, and a check of all of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from deltaflow.config.arguments import as_typed, closest_name
from deltaflow.config.schema import RunConfig
from deltaflow.system.errors import UserError

MAX_LAYERS = 1000
"""Largest number of hidden layers; the time of a step and of a prediction grows with it."""


@dataclass(frozen=True)
class Limit:
    """The limit of the values of one key.

    Attributes:
        key: dotted name, as on the command line.
        holds: returns whether a value is allowed.
        rule: the limit in words, to follow «must».
        use: an allowed value, for the message.
        what_for: the purpose of that value, to follow it in the message.
        null: whether null is allowed as well.
    """

    key: str
    holds: Callable[[Any], bool]
    rule: str
    use: object
    what_for: str = ""
    null: bool = False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(low: float, high: float = math.inf) -> Callable[[Any], bool]:
    return lambda value: _is_number(value) and math.isfinite(value) and low <= value <= high


def _whole(low: int, high: float = math.inf) -> Callable[[Any], bool]:
    return lambda value: _is_whole(value) and low <= value <= high


def _positive(value: Any) -> bool:
    return _is_number(value) and 0 < value < math.inf


def _layers(sizes: Any) -> bool:
    return len(sizes) <= MAX_LAYERS and all(map(_whole(1), sizes))


def _shares(shares: Any) -> bool:
    return all(_is_number(share) and math.isfinite(share) for share in shares)


def _split_seeds(seeds: Any) -> bool:
    is_list = not isinstance(seeds, str | int | float) and len(seeds) > 0
    return is_list and len(set(seeds)) == len(seeds) and all(map(_whole(0, 2**32 - 1), seeds))


_1, _1_OR_NULL, _ABOVE_0 = "be at least 1", "be at least 1, or null", "be a finite number above 0"
_0_TO_1, _NOT_NEGATIVE = "be a number from 0 to 1", "be a finite number, at least 0"
_PRECISIONS = ("32-true", "64-true", "bf16-mixed")

LIMITS = (
    Limit("seed", _whole(0, 2**62 - 1), "be at least 0 and below 2⁶²", 0),
    Limit("n_seeds", _whole(1), _1, 1, "for one network"),
    Limit("network.depth", _whole(0), "be at least 0", 0, "for a linear model"),
    Limit("network.depth", _whole(0, MAX_LAYERS), f"be at most {MAX_LAYERS}", MAX_LAYERS),
    Limit("network.width", _whole(1), _1, 32),
    Limit("network.hidden_sizes", _layers,
          f"hold at most {MAX_LAYERS} sizes of at least 1, or be null", "[64,32]", null=True),
    Limit("network.normalization", ("layer", "batch").__contains__, "be layer, batch or null",
          "null", "for none", null=True),
    Limit("network.dropout", lambda rate: 0 <= rate < 1, "be at least 0 and below 1", 0.2,
          "or 0 for none"),
    Limit("trainer.max_epochs", _whole(1), _1, 100),
    Limit("trainer.max_batches", _whole(1), _1_OR_NULL, "null", "for all", null=True),
    Limit("trainer.precision", _PRECISIONS.__contains__, "be 32-true, 64-true or bf16-mixed",
          "32-true"),
    Limit("trainer.gradient_clip_norm", _positive, f"{_ABOVE_0}, or null", 1.0, "or null for none",
          null=True),
    Limit("trainer.early_stopping.patience", _whole(1), _1_OR_NULL, 10, "epochs", null=True),
    Limit("trainer.early_stopping.min_delta", _number(0), _NOT_NEGATIVE, 0),
    Limit("trainer.threads", _whole(1, 1024), "be 1 to 1024, or null", "null",
          "to let the size of the network decide", null=True),
    Limit("trainer.profiler", ("simple", "advanced").__contains__, "be simple, advanced or null",
          "simple", null=True),
    Limit("trainer.checkpoint_every", _number(0), f"{_NOT_NEGATIVE}, or null", 60, null=True),
    Limit("diagnostics.every_n_steps", _whole(1), _1_OR_NULL, "null", "to measure nothing",
          null=True),
    Limit("diagnostics.histogram_every_n_steps", _whole(1), _1_OR_NULL, 100, "or null for none",
          null=True),
    Limit("diagnostics.probe_rows", _whole(1), _1, 10000),
    Limit("diagnostics.flush_seconds", lambda seconds: seconds >= 0, "be at least 0", 10),
    Limit("sweep.max_networks", _whole(1), _1_OR_NULL, "null", "to let memory and time decide",
          null=True),
    Limit("sweep.direction", ("minimize", "maximize").__contains__, "be minimize, maximize or null",
          "null", "for what suits the metric", null=True),
    Limit("optimizer.lr", _positive, _ABOVE_0, 0.1),
    *(Limit(key, _number(0, 1), _0_TO_1, use, null=True) for key, use in (
        ("optimizer.momentum", 0.9), ("optimizer.dampening", 0), ("optimizer.alpha", 0.99),
        ("scheduler.factor", 1), ("scheduler.pct_start", 0.3))),
    *(Limit(key, _number(0), _NOT_NEGATIVE, use, null=True) for key, use in (
        ("optimizer.weight_decay", 0.01), ("scheduler.gamma", 0.1), ("scheduler.eta_min", 0),
        ("scheduler.total_iters", 0))),
    Limit("scheduler.max_lr", _positive, _ABOVE_0, "${optimizer.lr}", null=True),
    Limit("scheduler.total_steps", _whole(1), _1_OR_NULL, "${trainer.max_epochs}", null=True),
    Limit("scheduler.T_max", _whole(1), _1, 100),
    Limit("scheduler.step_size", _whole(1), _1, 30),
    Limit("data.batch_size", _is_whole, "be a whole number, or null", "null", "for the full batch",
          null=True),
    Limit("data.split", _shares, "hold three finite shares", "[0.6,0.2,0.2]"),
    Limit("data.split_seed", _whole(0, 2**32 - 1), "be a whole number, at least 0 and below 2³²",
          0),
    Limit("data.split_seeds", _split_seeds, "hold different whole numbers, each at least 0 and "
          "below 2³², or be null", "[0,1,2]", null=True),
    Limit("data.folds", _whole(2), "be a whole number, at least 2, or null", "null",
          "for one split", null=True),
    Limit("data.standardize", lambda value: isinstance(value, bool), "be true or false", "true"),
    Limit("data.train_rows", _whole(1), f"be a whole number, {_1_OR_NULL[3:]}", "null", "for all",
          null=True),
    Limit("data.label_noise", _number(0, 1), _0_TO_1, 0),
)  # fmt: skip


def check(config: DictConfig) -> None:
    """Check the whole configuration of a run.

    Raises:
        ValueError: for an unknown setting, a setting without a value, a whole number of more than
            64 bits, or the first value that breaks a limit.
    """
    _check_names(config, RunConfig, prefix="")
    _check_numbers(OmegaConf.to_container(config), prefix="")
    check_values(config)


def check_values(config: DictConfig, prefix: str = "") -> None:
    """Check values against their limits.

    Args:
        config: the configuration of a run or a sweep.
        prefix: only keys that start with it are checked.

    Raises:
        ValueError: for the first value that breaks a limit.
    """
    for limit in LIMITS:
        if not limit.key.startswith(prefix):
            continue
        value = OmegaConf.select(config, limit.key, default=limit)
        if value is limit or (value is None and limit.null):  # `limit` stands for a missing key
            continue
        try:
            holds = limit.holds(value)
        except TypeError:
            holds = False
        if not holds:
            advice = f"`{limit.key}={limit.use}` {limit.what_for}".strip()
            raise UserError(
                f"`{limit.key}` must {limit.rule}. Found {as_typed(value)}. Use {advice}."
            )


def _check_names(config: DictConfig, schema: type, prefix: str) -> None:
    """Refuse unknown settings, which a plus can add, and missing ones."""
    known = {entry.name: entry.type for entry in fields(schema)}
    there = [str(name) for name in config if not OmegaConf.is_missing(config, name)]
    for name in there:
        if name not in known:
            close = closest_name(name, known)
            advice = f"Did you mean `{prefix}{close}`?" if close else "See --cfg job."
            raise UserError(
                f"A setting must be one that a run reads. Found `{prefix}{name}`. {advice}"
            )
    for name, kind in known.items():
        if name not in there:
            raise UserError(
                f"`{prefix}{name}` must have a value. Found none. Leave `~{prefix}{name}` and "
                "`???` out of the command and the configuration."
            )
        if is_dataclass(kind):
            _check_names(config[name], kind, f"{prefix}{name}.")  # type: ignore[arg-type]


def _check_numbers(value: Any, prefix: str) -> None:
    """Refuse whole numbers of more than 64 bits, which no tensor can hold."""
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, entry in entries:
            _check_numbers(entry, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UserError(
            f"`{prefix}` must be a number of at most 64 bits. Found {as_typed(value)}. "
            "See --cfg job for the default."
        )
