"""Predict the gradient flow of a configuration by mean-field theory, before any training.

    python scripts/theory.py activation=tanh init=normal init.sigma_w=1.2 network.depth=30

It takes overrides of train.py and --config-dir, prints the prediction layer by layer and in
words, and writes no records. Settings of its own, with their defaults:

    picture=null     draw the phase diagram into this PNG, SVG or PDF file
    runs=[]          directories of runs or sweeps whose runs are drawn into it as points
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deltaflow.commands.analysis.parser import Parser
from deltaflow.config import limits
from deltaflow.config.composition.runs import compose_run, split_settings
from deltaflow.config.messages import entry_point
from deltaflow.figures.formats import FORMATS
from deltaflow.system.errors import UserError


@dataclass(frozen=True)
class PredictionSettings:
    """The command's own settings, as on the command line."""

    picture: str | None = None
    runs: list[str] = field(default_factory=list)


@entry_point
def main(arguments: Sequence[str]) -> None:
    """Predict and print; the exit status is 0 only if there was no error."""
    parser = Parser("A prediction is of one configuration, and takes overrides and --config-dir.")
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--config-dir", "-cd", type=Path)
    typed = parser.parse_intermixed_args(arguments)
    settings, overrides = split_settings(typed.overrides, PredictionSettings, "A prediction")
    _check(settings)
    config, choices = compose_run(overrides, Path(), typed.config_dir)
    limits.check(config)
    if config.network.normalization is not None and settings.picture:
        raise UserError(
            "A phase diagram is of networks without normalisation. Found "
            f"`network.normalization={config.network.normalization}`. "
            "Leave `picture` out, or use `network.normalization=null`."
        )
    from deltaflow.commands.analysis.theory_prediction import (
        draw_phase_diagram,
        predict_network,
        prediction_title,
    )
    from deltaflow.comparison.phase_points import phase_points  # torch is slow to import
    from deltaflow.config.instantiation import error_with_part
    from deltaflow.data import ReplicaData
    from deltaflow.experiment.building import builders
    from deltaflow.figures.looks import save
    from deltaflow.terminal.screen import console, say
    from deltaflow.terminal.theory import print_theory

    try:
        data = builders.data(config, ReplicaData)
        theory = builders.theory(config, data, builders.objective(config, data))
        title = prediction_title(theory, choices, overrides)
        inputs = builders.input_second_moment(data)
        found = predict_network(title, theory, inputs)
        runs, n_others = phase_points(
            settings.runs, repr(theory.moments.activation), theory.dropout
        )
        figure = draw_phase_diagram(found, inputs, runs) if settings.picture else None
    except Exception as error:
        raise error_with_part(config, error) from error
    out = console()
    print_theory(out, found)
    if n_others:
        others = "Of another activation or dropout, or without a prediction in their records"
        say(out, "Runs", f"{len(runs)} in the picture. {others}: {n_others}.", width=15)
    if figure is not None and settings.picture:
        path = Path(settings.picture)
        path.parent.mkdir(parents=True, exist_ok=True)
        save(figure, path)
        say(out, "Picture", settings.picture, width=15)


def _check(settings: PredictionSettings) -> None:
    """Check the settings before anything is computed.

    Raises:
        ValueError: if the picture has an unknown suffix, or there are runs without a picture.
    """
    if settings.picture is None and settings.runs:
        raise UserError(
            f"`runs` are points of a picture. Found {len(settings.runs)} without one. "
            "Add `picture=phase.png`."
        )
    if settings.picture is not None and Path(settings.picture).suffix[1:] not in FORMATS:
        raise UserError(
            f"`picture` must end in .{', .'.join(FORMATS)}. Found {settings.picture}. "
            "Use `picture=phase.png`."
        )
