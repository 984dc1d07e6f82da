"""Describes a configuration in a line, and finds the hint of its preset on what to watch."""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from deltaflow.config.options import option_names
from deltaflow.system.wording import many

_SHAPE = ("network", "network.depth", "network.width", "network.hidden_sizes")


def describe(
    config: DictConfig, choices: Mapping[str, str | None], varied: Mapping[str, float] | None = None
) -> str:
    """Describe in a line what a configuration trains, without importing torch.

    Args:
        config: the configuration of a run, or the common one of a sweep's runs.
        choices: the option chosen in each config group.
        varied: the settings that a sweep varies, each with its number of values; they are left out.
    """
    varied, names = varied or {}, option_names(config, choices)
    get = partial(OmegaConf.select, config)
    lr, n_seeds = get("optimizer.lr"), get("n_seeds")
    folds, splits = get("data.folds"), get("data.split_seeds")
    named = {
        name: str(names.get(name)) for name in ("data", "activation", "init", "loss", "optimizer")
        if name not in varied
    }  # fmt: skip
    if path := get("data.path"):
        named["data"] = Path(str(path)).name
    if "init" in named:
        named["init"] = f"init {named['init']}"
    if "optimizer" in named and isinstance(lr, int | float) and "optimizer.lr" not in varied:
        named["optimizer"] += f" {lr:g}"
    shape = _shape(config) if not varied.keys() & {*_SHAPE} else ""
    network = " ".join(filter(None, [shape, named.get("activation")]))
    parts = [
        named.get("data"),
        ", ".join(filter(None, [network, named.get("init")])),
        named.get("loss"),
        named.get("optimizer"),
        None if "trainer.max_epochs" in varied else many(get("trainer.max_epochs"), "epoch"),
        many(n_seeds, "seed") if n_seeds != 1 and "n_seeds" not in varied else None,
        many(folds, "fold") if folds and "data.folds" not in varied else None,
        many(len(splits), "split") if splits and "data.split_seeds" not in varied else None,
    ]
    return " · ".join(filter(None, parts))


def watch_note(config: DictConfig, choices: Mapping[str, str | None]) -> str | None:
    """The sentence of the chosen experiment's comment that begins with «Watch»; ``None`` if none.

    Args:
        config: the configuration, with Hydra's own settings.
        choices: the option chosen in each config group.
    """
    for source in OmegaConf.select(config, "hydra.runtime.config_sources") or []:
        file = Path(source.path) / "experiment" / f"{choices.get('experiment')}.yaml"
        if source.schema == "file" and file.is_file():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            comment = " ".join(
                line[1:].strip() for line in lines if line.startswith("#") and "@" not in line
            )
            watch = re.search(r"\bWatch .*", comment)
            return watch and watch[0]
    return None


def _shape(config: DictConfig) -> str:
    network: Any = config.network
    if network.hidden_sizes is not None:
        return " × ".join(map(str, network.hidden_sizes)) or "no hidden layer,"
    return f"{network.depth} × {network.width}" if network.depth else "no hidden layer,"
