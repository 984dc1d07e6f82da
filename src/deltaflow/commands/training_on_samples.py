"""Trains a network on samples in memory."""

from collections.abc import Iterable
from pathlib import Path

from deltaflow.config.composition.runs import compose_run
from deltaflow.config.messages import errors_explained
from deltaflow.data import Samples
from deltaflow.experiment.planning.plan import RunPlan
from deltaflow.experiment.results.result import Run
from deltaflow.experiment.run import run_alone

SOURCE = "deltaflow.data.sources.arrays"


def train_on_samples(
    samples: Samples, overrides: Iterable[str], directory: Path, draws_picture: bool = True
) -> Run:
    """Train a network on samples, which replace the source that ``data`` names.

    Args:
        samples: all samples; ``data.split`` splits them.
        overrides: overrides as on the command line; if ``data.batch_size`` exceeds the number of
            samples, a batch has all samples.
        directory: the run directory.
        draws_picture: whether the picture ``flow.png`` is written.

    Raises:
        ValueError: if a setting is not valid, with the command line's message.
    """
    settings, folder = [*overrides, f"data._target_={SOURCE}"], directory.absolute()
    with errors_explained():
        config, choices = compose_run(settings, folder)
    if config.data.batch_size is not None and config.data.batch_size > len(samples):
        config.data.batch_size = None
    return run_alone(
        RunPlan(
            config, folder, choices, settings, ["deltaflow.sklearn", *settings],
            samples=samples, draws_picture=draws_picture,
        )
    )  # fmt: skip
