"""A training on samples that are in memory."""

from collections.abc import Iterable
from pathlib import Path

from deltaflow.config.composition import compose_run
from deltaflow.config.messages import explain
from deltaflow.data import Samples
from deltaflow.experiment.plan import RunPlan
from deltaflow.experiment.result import Run
from deltaflow.experiment.run import run_alone
from deltaflow.system.errors import UserError

SOURCE = "deltaflow.data.sources.arrays"


def train_on_samples(
    samples: Samples, overrides: Iterable[str], directory: Path, draws_picture: bool = True
) -> Run:
    """Train a network on samples, which take the place of ``data``.

    Args:
        samples: all of them; ``data.split`` parts them.
        overrides: as on the command line; a batch larger than the samples is all of them.
        directory: where the run leaves its records.
        draws_picture: whether it leaves its picture too.

    Raises:
        ValueError: for settings that no run can have, with the command line's message.
    """
    settings, folder = [*overrides, f"data._target_={SOURCE}"], directory.absolute()
    try:
        config, choices = compose_run(settings, folder)
    except Exception as error:  # Hydra raises any
        raise UserError(explain(error)) from error
    if config.data.batch_size is not None and config.data.batch_size > len(samples):
        config.data.batch_size = None
    return run_alone(
        RunPlan(
            config, folder, choices, settings, ["deltaflow.sklearn", *settings],
            samples=samples, draws_picture=draws_picture,
        )
    )  # fmt: skip
