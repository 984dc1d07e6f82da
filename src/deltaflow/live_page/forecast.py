"""What theory predicts for the settings of the page, before anything is trained."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from omegaconf import DictConfig, OmegaConf

from deltaflow.experiment.building import assembly, builders
from deltaflow.live_page.history import PROFILES
from deltaflow.nn.task import Classification
from deltaflow.theory import Array, PhaseDiagram, Theory, phase_diagram, phases
from deltaflow.training.datamodule import ReplicaDataModule

SIGMA_W, SIGMA_B = np.linspace(0.0, 5.0, 81), np.linspace(0.0, 2.0, 41)
"""The standard deviations of the phase diagram, over the range of the sliders."""


@dataclass(frozen=True)
class Forecast:
    """Theory's prediction for a network.

    Attributes:
        theory: the theory of the network.
        profiles: predicted depth profiles of ``PROFILES``, relative to the last hidden layer,
            ``[depth]``.
        words: the prediction in a sentence.
        point: σ_w and σ_b between hidden layers; ``None`` if the phase diagram does not apply.
        is_class: whether the target is a class, not a number.
    """

    theory: Theory
    profiles: Mapping[str, Array]
    words: str
    point: tuple[float, float] | None
    is_class: bool


class Forecaster:
    """Makes forecasts for one configuration after another, and reads data only if they change."""

    def __init__(self) -> None:
        self._key: object = None
        self._data: ReplicaDataModule
        self._diagrams: dict[tuple[str, float], PhaseDiagram] = {}

    def data(self, config: DictConfig) -> ReplicaDataModule:
        """The data of a configuration, in an object that one training may use.

        Raises:
            ValueError: if the data source refuses its settings, or the data cannot be split.
        """
        key = OmegaConf.to_yaml(config.data), config.trainer.precision
        if key != self._key:
            self._data, self._key = assembly.datamodule(config), key
        return self._data.for_replicas(builders.own_seeds(config), config.data.label_noise)

    def has_classes(self, config: DictConfig) -> bool:
        """Whether the target of a configuration is a class, not a number."""
        return isinstance(self.data(config).task, Classification)

    def predict(self, config: DictConfig) -> Forecast:
        """Make a forecast for a configuration.

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
        """The phase diagram for a network's activation and dropout rate."""
        key = repr(theory.moments.activation), theory.dropout
        if key not in self._diagrams:
            self._diagrams[key] = phase_diagram(
                theory.moments, SIGMA_W**2, SIGMA_B**2, dropout=theory.dropout
            )
        return self._diagrams[key]
