"""The identity of a run: a hash that is equal for configurations that give the same records.

A resumed sweep recognises its completed runs by it. So the hash depends on every setting that
decides the result, and on nothing else:

- Every part counts, including the user's callbacks, which may change the training.
- What is measured counts, because it changes the records. How often the records are written, and
  what only TensorBoard or another logger shows, does not count.
- The device, the number of threads and the directories do not count, because a sweep may be
  resumed on another machine. Results may then differ in rounding.
- A table counts by its content, not by its path.
- The names of the chosen options and the version of the program do not count. The options'
  settings do, and the version is in the summary.
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

from deltaflow.config.neutral_settings import NEUTRAL
from deltaflow.config.options import starting_folder


def identity(config: DictConfig) -> str:
    """The identity of a configuration.

    It raises no error, so a configuration that is not valid has an identity, too.

    Returns:
        The SHA-256 of all settings that decide the result, 64 hexadecimal characters.
    """
    tree = _settings(config)
    for name in NEUTRAL:
        _remove(tree, name.split("."))
    data = tree.get("data")
    if isinstance(data, dict) and isinstance(data.get("path"), str):
        data["path"] = _content(data["path"])
    return hashlib.sha256(settings_text(tree).encode()).hexdigest()


def settings_text(tree: Any) -> str:
    """Settings as a text that does not depend on the order of keys."""
    return json.dumps(tree, sort_keys=True, default=str)


def _settings(config: DictConfig) -> dict[str, Any]:
    """All settings; references are resolved, except those to Hydra's settings.

    A run of a stack is recorded after Hydra has been left, and then they cannot be resolved.
    """
    raw = OmegaConf.to_container(config)
    try:
        found = OmegaConf.to_container(OmegaConf.create(_without_hydra(raw)), resolve=True)
    except OmegaConfBaseException:  # a reference cannot be resolved: the run will fail
        found = raw
    settings = _resolved(raw, found)
    assert isinstance(settings, dict)
    return settings


def _without_hydra(raw: Any) -> Any:
    if isinstance(raw, dict):
        return {key: _without_hydra(value) for key, value in raw.items()}
    if isinstance(raw, list):
        return [_without_hydra(value) for value in raw]
    return None if _refers_to_hydra(raw) else raw


def _resolved(raw: Any, found: Any) -> Any:
    if _refers_to_hydra(raw):
        return raw
    if isinstance(raw, dict):
        return {str(key): _resolved(raw[key], found[key]) for key in raw}
    if isinstance(raw, list):
        return [_resolved(*pair) for pair in zip(raw, found, strict=True)]
    return found


def _refers_to_hydra(raw: Any) -> bool:
    return isinstance(raw, str) and "${hydra:" in raw


def _remove(tree: Any, path: list[str]) -> None:
    if isinstance(tree, dict) and len(path) > 1:
        _remove(tree.get(path[0]), path[1:])
    elif isinstance(tree, dict):
        tree.pop(path[0], None)


def _content(path: str) -> str:
    """The SHA-256 of a file's content; the path itself if the file cannot be read."""
    try:
        file = starting_folder() / os.path.expanduser(path)
        seen = file.stat()
        if not stat.S_ISREG(seen.st_mode):  # a pipe can be read only once
            return path
        return _file_sha256(file, seen.st_size, seen.st_mtime_ns)
    except (OSError, ValueError):
        return path


@cache  # the runs of a sweep usually share a table
def _file_sha256(path: Path, _size: int, _changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
