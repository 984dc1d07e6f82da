"""What theory costs: a prediction for fifty layers, and the phase diagram."""

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from omegaconf import DictConfig

from deltaflow.commands.analysis.theory_prediction import draw_phase_diagram, predict_network
from deltaflow.config.composition.runs import compose_run
from deltaflow.data import ReplicaData
from deltaflow.experiment.building import builders
from deltaflow.figures.looks import save

PREDICTION, DIAGRAM = "prediction, 50 layers", "phase diagram"
_DEPTH = ["network.hidden_sizes=null", "network.depth=50"]


def predictions(overrides: Sequence[str]) -> dict[str, Callable[[], float]]:
    """Seconds of each, by name; none under normalisation, which has no phase diagram.

    Args:
        overrides: of the run whose activation, initialisation and data are taken.
    """
    config, _ = compose_run([*overrides, *_DEPTH], Path())
    if config.network.normalization is not None:
        return {}
    return {PREDICTION: partial(_seconds, config, False), DIAGRAM: partial(_seconds, config, True)}


def _seconds(config: DictConfig, with_picture: bool) -> float:
    """From a configuration to all that theory says of it; of the picture alone, to its file."""
    started = time.perf_counter()
    data = builders.data(config, ReplicaData)
    network = builders.theory(config, data, builders.objective(config, data))
    inputs = builders.input_second_moment(data)
    found = predict_network("benchmark", network, inputs)
    if with_picture:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as directory:
            save(draw_phase_diagram(found, inputs, []), Path(directory) / "phase.png")
    return time.perf_counter() - started
