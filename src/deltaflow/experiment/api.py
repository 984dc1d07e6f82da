"""deltaflow from Python, in a script or a notebook.

>>> import tempfile
>>> from deltaflow import load_run, train
>>> folder = tempfile.mkdtemp()
>>> run = train(["activation=tanh", "network.depth=4", "trainer.max_epochs=2"], f"{folder}/tanh")
>>> run.layers.filter(step=0, layer=1)["delta_norm"].len()
1
>>> run.summary["status"]
'completed'
>>> figure = run.draw()
>>> load_run(f"{folder}/tanh").layers.equals(run.layers)
True
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from deltaflow.config.composition import compose_run
from deltaflow.config.messages import explain
from deltaflow.config.names import unique
from deltaflow.experiment import run as experiment
from deltaflow.experiment.result import Run
from deltaflow.system.errors import UserError


def train(overrides: Iterable[str] = (), directory: str | Path | None = None) -> Run:
    """Train a network, as ``python train.py`` with the same overrides does.

    Args:
        overrides: such as ``["activation=tanh", "network.depth=10"]``.
        directory: where the run leaves its records; a new one in ``outputs/`` if ``None``.

    Returns:
        The run: its tables as polars frames, its summary, its network, its picture.

    Raises:
        ValueError: for settings that no run can have, with the command line's message.
    """
    settings = [overrides] if isinstance(overrides, str) else list(overrides)
    if isinstance(overrides, str) or not all(_is_setting(setting) for setting in settings):
        raise UserError(
            "`train` must be given a list of a run's settings, and where its records go as "
            f'`directory`. Found {settings!r}. Use `train(["activation=tanh"], "a/folder")`.'
        )
    folder = Path(directory or Path("outputs") / unique(",".join(settings))).absolute()
    if "\0" in str(folder):
        raise UserError(
            f"`directory` must be a path. Found {str(directory)!r}, with a NUL in it. Leave it out."
        )
    try:
        config, choices = compose_run(settings, folder)
    except Exception as error:  # Hydra raises any
        raise UserError(explain(error)) from error
    return experiment.run(config, folder, choices, settings, command=sys.argv)


def _is_setting(given: object) -> bool:
    return isinstance(given, str) and not given.startswith("hydra.")
