"""Compose a run's configuration from Python, as Hydra does for the command line.

>>> from pathlib import Path
>>> config, choices = compose_run(["activation=tanh"], Path("somewhere"))
>>> choices["activation"], config.activation
('tanh', {'_target_': 'torch.nn.Tanh'})
"""

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from deltaflow import cli  # noqa: F401  # registers the schema and resolvers
from deltaflow.options import config_directory


def compose_run(
    overrides: Sequence[str], directory: Path
) -> tuple[DictConfig, dict[str, str | None]]:
    """The configuration of one run, and the option chosen in each group.

    Args:
        overrides: as on the command line.
        directory: where the run will leave its records.

    Returns:
        The configuration with all references resolved, and options by group.

    Raises:
        hydra.errors.HydraException: for overrides that the command line would refuse.
    """
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        whole = compose("train", list(overrides), return_hydra_config=True)
    with open_dict(whole):
        whole.hydra.runtime.output_dir = str(directory.absolute())
    hydra = HydraConfig.instance()
    before = hydra.cfg
    hydra.set_config(whole)  # what ${hydra:…} refers to
    try:
        config = OmegaConf.masked_copy(whole, [str(key) for key in whole if key != "hydra"])
        OmegaConf.resolve(config)
    finally:
        hydra.cfg = before
    return config, dict(whole.hydra.runtime.choices)
