"""What Hydra must know before it composes a configuration: the schema, and the resolvers of conf/.

To import this module is to tell it. Worker processes of a parallel launcher import no more of
ours than the command before Hydra composes their configuration.
"""

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from deltaflow.config.names import axes, slug, sweep_directory, unique_name
from deltaflow.config.schema import RunConfig

ConfigStore.instance().store(name="schema", node=RunConfig)
OmegaConf.register_new_resolver("deltaflow.slug", slug, replace=True)
for _name, _resolver in (
    ("unique", unique_name), ("axes", axes), ("sweep_directory", sweep_directory)
):  # fmt: skip  # once for all runs of a sweep
    OmegaConf.register_new_resolver(f"deltaflow.{_name}", _resolver, use_cache=True, replace=True)
