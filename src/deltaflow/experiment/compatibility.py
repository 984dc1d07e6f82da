"""Which runs of a sweep may be trained as one stack, and how many networks a stack may have."""

import json
from functools import cache
from itertools import pairwise
from typing import Any

from omegaconf import DictConfig, OmegaConf
from torch.optim import Optimizer

from deltaflow.config import limits
from deltaflow.config.instantiation import part_factory
from deltaflow.experiment.building import builders
from deltaflow.experiment.planning.identity import settings_text
from deltaflow.system.memory import available_memory
from deltaflow.training.coupling import shares_a_pass

_OWN = ("activation", "init", "loss", "optimizer", "scheduler", "seed", "n_seeds", "sweep")
_OWN_KEYS = (("network", "dropout"), ("trainer", "gradient_clip_norm"), ("data", "label_noise"))
"""Settings in which the runs of a stack may differ: each acts on one replica alone."""

_ANY_LR = 0.01
_UNKNOWN = 2**32  # bytes of free memory, if the system does not tell
_SHARE = 4  # a stack takes a quarter of the free memory
_COPIES = 6  # of weights and activations: gradients, averages, measurements
_ROWS = 1000  # training samples, if only the data would tell
_MULTIPLICATIONS = 10 * 60 * 2**32  # in ten minutes: what is lost if a stack is killed


def stack_key(config: DictConfig) -> str | None:
    """A text that is equal for runs that can be trained as one stack.

    Returns:
        The key; ``None`` if the run must be trained alone, because it has callbacks, a profiler, or
        an optimizer that couples replicas or evaluates the loss several times per step.
    """
    try:
        names = sorted(map(str, config.logger))  # each run has its own loggers
        kept = [str(key) for key in config if key not in ("logger", "hydra")]
        tree: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, kept), resolve=True)
        tree["logger"] = names
        alone = tree["callbacks"] or tree["trainer"]["profiler"]
        if alone or not _shares_a_pass(settings_text(_with_any_lr(tree["optimizer"]))):
            return None
        for key in _OWN:
            del tree[key]
        for group, key in _OWN_KEYS:
            del tree[group][key]
    except Exception:  # the settings are not valid, and the run will say so
        return None
    return settings_text(tree)


def max_networks(config: DictConfig, n_processes: int) -> int:
    """The largest number of networks in a stack.

    It is ``sweep.max_networks``. If that is null, it is the number that fits into a quarter of the
    free memory and trains in about ten minutes, which are lost if the process is killed.

    Args:
        config: the configuration of any run of the stack.
        n_processes: number of processes that share the memory.
    """
    if (asked := config.sweep.max_networks) is not None:
        return int(asked)
    try:
        limits.check_values(config)
    except ValueError:  # every run will say so
        return 1
    sizes = builders.hidden_sizes(config)
    parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise([1, *sizes, 1]))
    rows = config.data.batch_size or config.diagnostics.probe_rows
    n_bytes = _COPIES * (parameters + rows * (sum(sizes) + 2)) * builders.dtype(config).itemsize
    free = (available_memory() or _UNKNOWN) // _SHARE // n_processes
    samples = config.data.train_rows or config.data.get("n_samples") or _ROWS
    products = 3 * parameters * samples * config.trainer.max_epochs  # forward, and twice back
    return int(max(1, min(free // n_bytes, _MULTIPLICATIONS // products)))


def _with_any_lr(optimizer: dict[str, Any]) -> dict[str, Any]:
    """An optimizer's settings with a fixed ``lr``, which does not decide what it couples."""
    lr = optimizer.get("lr")
    return optimizer | {"lr": _ANY_LR} if isinstance(lr, float) and lr > 0 else optimizer


@cache
def _shares_a_pass(optimizer: str) -> bool:
    """Whether an optimizer updates a slice of replicas after one forward and backward pass."""
    config = OmegaConf.create({"optimizer": json.loads(optimizer)})
    return shares_a_pass(part_factory(config, "optimizer", Optimizer))
