"""What Hydra must know before it composes a configuration: the schema, and the resolvers of conf/.

To import this module is to tell it. Worker processes of a parallel launcher import no more of
ours than the command before Hydra composes their configuration.
"""

import os

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from deltaflow.config.names import axes, slug, sweep_directory, unique_name
from deltaflow.config.schema import RunConfig


def runs_at_once(launcher: str) -> int | None:
    """How many runs a launcher, by its ``_target_``, gets at a time; ``None`` for all.

    Submitit on one machine begins all that it gets at the same time, each in a process: it gets
    as many as there are cores, and the next ones when all of these have ended.
    """
    if not launcher.endswith("submitit_launcher.LocalLauncher"):
        return None
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


ConfigStore.instance().store(name="schema", node=RunConfig)
OmegaConf.register_new_resolver("deltaflow.slug", slug, replace=True)
OmegaConf.register_new_resolver("deltaflow.at_once", runs_at_once, replace=True)
for _name, _resolver in (
    ("unique", unique_name), ("axes", axes), ("sweep_directory", sweep_directory)
):  # fmt: skip  # once for all runs of a sweep
    OmegaConf.register_new_resolver(f"deltaflow.{_name}", _resolver, use_cache=True, replace=True)
