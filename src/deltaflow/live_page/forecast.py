"""What theory answers to a change, before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from omegaconf import DictConfig, OmegaConf

from deltaflow.experiment import assembly, builders
from deltaflow.live_page.history import PROFILES
from deltaflow.nn.task import Classification
from deltaflow.theory import Array, PhaseDiagram, Theory, phase_diagram, phases
from deltaflow.training.datamodule import ReplicaDataModule

SIGMA_W, SIGMA_B = np.linspace(0.0, 5.0, 81), np.linspace(0.0, 2.0, 41)
"""The standard deviations that the diagram covers, as far as the sliders go."""


@dataclass(frozen=True)
class Forecast:
    """What is known of a network before it is trained.

    Attributes:
        theory: of the network.
        profiles: of each quantity that is shown, the hidden layers relative to the last,
            ``[depth]``.
        words: what theory says of it.
        point: σ_w and σ_b between its hidden layers; ``None`` without a place in the diagram.
        is_class: whether the data have classes, and no numbers.
    """

    theory: Theory
    profiles: Mapping[str, Array]
    words: str
    point: tuple[float, float] | None
    is_class: bool


class Forecaster:
    """Predicts configurations one after another; data are read only when they change."""

    def __init__(self) -> None:
        self._key: object = None
        self._data: ReplicaDataModule
        self._diagrams: dict[tuple[str, float], PhaseDiagram] = {}

    def data(self, config: DictConfig) -> ReplicaDataModule:
        """The data of a configuration, for nobody else to train on.

        Raises:
            ValueError: if the source refuses its settings, or the split its data.
        """
        key = OmegaConf.to_yaml(config.data), config.trainer.precision
        if key != self._key:
            self._data, self._key = assembly.datamodule(config), key
        return self._data.serving(builders.own_seeds(config), config.data.label_noise)

    def has_classes(self, config: DictConfig) -> bool:
        """Whether the data of a configuration have classes, and no numbers."""
        return isinstance(self.data(config).task, Classification)

    def predict(self, config: DictConfig) -> Forecast:
        """What theory says of a configuration.

        Raises:
            ValueError: for settings that no run can have.
        """
        builders.check_size(config)
        data = self.data(config)
        objective = builders.objective(config, data)
        theory = builders.theory(config, data, objective)
        is_class = isinstance(objective.task, Classification)
        if not theory.depth:
            words = "Without a hidden layer there is nothing for δ to go back through."
            return Forecast(theory, {}, words, None, is_class)
        inputs = builders.input_second_moment(data)
        found = theory.predict(inputs)
        profiles = {name: getattr(found, name) for name in PROFILES}
        words = phases.summary(theory.limits(inputs), found.delta_norm)
        weight, bias = theory.typical_variances()
        point = None if theory.normalization else (weight**0.5, bias**0.5)
        return Forecast(theory, profiles, words, point, is_class)

    def diagram(self, theory: Theory) -> PhaseDiagram:
        """The phase diagram of a network's activation."""
        key = repr(theory.moments.activation), theory.dropout
        if key not in self._diagrams:
            self._diagrams[key] = phase_diagram(
                theory.moments, SIGMA_W**2, SIGMA_B**2, dropout=theory.dropout
            )
        return self._diagrams[key]
