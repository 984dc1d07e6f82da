"""The identity of a run: the same for two configurations that give the same records.

A sweep that is resumed knows by it which of its runs are there. So it must hold all that
decides a result, and nothing else:

- Every part counts, the user's own callbacks too, which may change the training.
- What is measured counts, as the records differ; how often it is written to disk, and what
  only TensorBoard or another logger shows, does not.
- Where a run computes and writes does not count: a sweep may be resumed on another machine,
  with other cores or a graphics card. Rounding may differ then, the experiment does not.
- A table of the user's own counts by its content, not by its path: moved, it is the same;
  edited, it is another.
- Not the options chosen and not the program's version: the former are settings under a name,
  and the latter stands in the summary for those who want to compare.
"""

import hashlib
import json
import os
import stat
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from deltaflow.config.indifferent import INDIFFERENT
from deltaflow.config.options import starting_folder


def identity(config: DictConfig) -> str:
    """What tells a configuration from all that give other results.

    It never raises: a run whose settings make no sense is one of its own as well.

    Args:
        config: composed.

    Returns:
        The hexadecimal SHA-256 of all settings that decide the result, 64 characters.
    """
    tree = _settings(config)
    for name in INDIFFERENT:
        _remove(tree, name.split("."))
    data = tree.get("data")
    if isinstance(data, dict) and isinstance(data.get("path"), str):
        data["path"] = _content(data["path"])
    return hashlib.sha256(json.dumps(tree, sort_keys=True, default=str).encode()).hexdigest()


def _settings(config: DictConfig) -> dict[str, Any]:
    """All settings, references followed unless they lead to Hydra, which says where to write."""
    typed = OmegaConf.to_container(config)
    try:
        found = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException:  # one leads nowhere: the run will say so
        found = typed
    settings = _followed(typed, found)
    assert isinstance(settings, dict)
    return settings


def _followed(typed: Any, found: Any) -> Any:
    if isinstance(typed, str) and "${hydra:" in typed:
        return typed
    if isinstance(typed, dict):
        return {str(key): _followed(typed[key], found[key]) for key in typed}
    if isinstance(typed, list):
        return [_followed(*pair) for pair in zip(typed, found, strict=True)]
    return found


def _remove(tree: Any, path: list[str]) -> None:
    if isinstance(tree, dict) and len(path) > 1:
        _remove(tree.get(path[0]), path[1:])
    elif isinstance(tree, dict):
        tree.pop(path[0], None)


def _content(path: str) -> str:
    """A digest of a file's content; of one that cannot be read, its path."""
    try:
        file = starting_folder() / os.path.expanduser(path)
        seen = file.stat()
        if not stat.S_ISREG(seen.st_mode):  # what comes through a pipe can be read only once
            return path
        return _digest(file, seen.st_size, seen.st_mtime_ns)
    except (OSError, ValueError):
        return path


@cache  # the runs of a sweep mostly share their table
def _digest(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
