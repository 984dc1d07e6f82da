"""Compose the runs of a sweep as Hydra does, which is asked once for each choice of options."""

from collections.abc import Sequence

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from deltaflow.config.value_overrides import compose_by_choices


class SweepComposer:
    """Composes runs as ``load_sweep_config`` does.

    Args:
        loader: Hydra's.
        sweep: configuration of the sweep.
    """

    def __init__(self, loader: ConfigLoader, sweep: DictConfig) -> None:
        self.loader = loader
        self.sweep = sweep
        self._composed: dict[tuple[str, ...], DictConfig] = {}  # by the overrides of choices

    def __getstate__(self) -> dict[str, object]:
        """What another process needs to compose: not what has been composed here."""
        return vars(self) | {"_composed": {}}

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """The configuration of a run.

        Args:
            overrides: of the run.

        Raises:
            hydra.errors.HydraException: for overrides that the command line would refuse.
        """
        config = compose_by_choices(overrides, self._load, self._load_once)
        OmegaConf.copy_cache(from_config=self.sweep, to_config=config)
        return config

    def _load(self, overrides: Sequence[str]) -> DictConfig:
        return self.loader.load_sweep_config(self.sweep, list(overrides))

    def _load_once(self, overrides: Sequence[str]) -> DictConfig:
        key = tuple(overrides)
        if key not in self._composed:
            self._composed[key] = self._load(overrides)
        return self._composed[key]
