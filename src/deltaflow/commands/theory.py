"""What mean-field theory predicts of a configuration, before any training.

    python scripts/theory.py activation=tanh init=normal init.sigma_w=1.2 network.depth=30

It takes the overrides of train.py, --config-dir among them, prints the prediction layer by
layer and in words, and writes no records. Settings of its own, with their defaults:

    picture=null     draw the phase diagram into this PNG, SVG or PDF
    runs=[]          put the runs of these directories into it; a sweep's folder has many
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.text import Text

from deltaflow.comparison.placed_runs import PlacedRun, placed_runs
from deltaflow.config import limits
from deltaflow.config.composition import compose_run, split_settings
from deltaflow.config.messages import command
from deltaflow.config.parts import with_culprit
from deltaflow.experiment import assembly, blueprint
from deltaflow.figures.flow import save
from deltaflow.figures.phase_picture import phase_picture
from deltaflow.system.errors import UserError
from deltaflow.terminal.prediction import Forecast, print_prediction
from deltaflow.terminal.screen import console
from deltaflow.theory import edge_of_chaos, fixed_point, phase_diagram
from deltaflow.theory.overlay import Array, Theory

_FORMATS = (".png", ".svg", ".pdf")
_HUGE = np.array([1e24])  # a q at which φ' has reached its limits


@dataclass(frozen=True)
class Settings:
    """The command's own settings, as on the command line."""

    picture: str | None = None
    runs: list[str] = field(default_factory=list)


@command
def main(arguments: Sequence[str]) -> None:
    """Predict and print; the exit status is 0 only if everything went well."""
    sys.path.append(os.getcwd())  # classes of the user's own, named by `_target_`
    _run(arguments)


def forecast(title: str, theory: Theory, input_second_moment: Array) -> Forecast:
    """All that theory says of a network.

    Args:
        title: what it is.
        theory: of it.
        input_second_moment: mean(x²) over each sample's features.

    Returns:
        What can be printed.
    """
    profile = theory.predict(input_second_moment)
    if not theory.depth:
        return Forecast(title, theory, profile, None, None, None)
    sigma_b = theory.typical_variances()[1] ** 0.5
    edge = edge_of_chaos(theory.moments, sigma_b)
    limit = None if edge else _limit(theory, sigma_b)
    return Forecast(title, theory, profile, theory.limit(input_second_moment), edge, limit)


def picture(forecast: Forecast, input_second_moment: Array, runs: Sequence[PlacedRun]) -> Figure:
    """The phase diagram of a network's activation, with the network in it.

    Args:
        forecast: of the network.
        input_second_moment: mean(x²) over each sample's features.
        runs: to show as points.

    Raises:
        ValueError: for a network without a hidden layer, which has no place in it.
    """
    theory = forecast.theory
    if not theory.depth:
        raise UserError(
            "A phase diagram is of layers between hidden layers. Found `network.depth=0`. "
            "Use `network.depth=1` or more."
        )
    here = theory.typical_variances()
    edge = forecast.edge.sigma_w * (1 - theory.dropout) ** 0.5 if forecast.edge else forecast.limit
    weights = [here[0], *(run.weight_variance for run in runs)]
    biases = [here[1], *(run.bias_variance for run in runs)]
    diagram = phase_diagram(
        theory.moments,
        np.linspace(0, max(3.0, 2 * (edge or 0) ** 2, 1.25 * max(weights)), 241),
        np.linspace(0, max(0.5, 1.25 * max(biases)), 161),
        theory.start(input_second_moment),
        theory.dropout,
    )
    return phase_picture(diagram, forecast.title, here, forecast.edge, runs)


def _run(arguments: Sequence[str]) -> None:
    overrides, config_dir = _without_flags(arguments)
    settings, overrides = split_settings(overrides, Settings, "A prediction")
    _check(settings)
    config, choices = compose_run(overrides, Path(), config_dir)
    limits.check(config)
    if config.network.normalization is not None:
        raise UserError(
            "Theory speaks of networks without normalisation. Found "
            f"`network.normalization={config.network.normalization}`. "
            "Use `network.normalization=null`."
        )
    try:
        data = assembly.datamodule(config)
        theory = blueprint.theory(config, data, blueprint.objective(config, data))
        title = _title(theory, choices, overrides)
        inputs = blueprint.input_second_moment(data)
        found = forecast(title, theory, inputs)
        runs, n_others = placed_runs(settings.runs, repr(theory.moments.activation), theory.dropout)
        figure = picture(found, inputs, runs) if settings.picture else None
    except Exception as error:
        raise with_culprit(config, error) from error
    out = console()
    print_prediction(out, found)
    if n_others:
        out.print(
            f"{'Runs':<15}{len(runs)} in the picture. Of another activation or dropout, or without "
            f"a prediction in their records: {n_others}.",
            soft_wrap=True,
        )
    if figure is not None and settings.picture:
        path = Path(settings.picture)
        path.parent.mkdir(parents=True, exist_ok=True)
        save(figure, path)
        out.print(Text(f"{'Picture':<15}{settings.picture}"), soft_wrap=True)


def _check(settings: Settings) -> None:
    """Refuse settings before anything is computed.

    Raises:
        ValueError: for a picture of an unknown kind, or runs without a picture.
    """
    if settings.picture is None and settings.runs:
        raise UserError(
            f"`runs` are points of a picture. Found {len(settings.runs)} without one. "
            "Add `picture=phase.png`."
        )
    if settings.picture is not None and Path(settings.picture).suffix not in _FORMATS:
        raise UserError(
            f"`picture` must end in {', '.join(_FORMATS)}. Found {settings.picture}. "
            "Use `picture=phase.png`."
        )


def _without_flags(arguments: Sequence[str]) -> tuple[list[str], Path | None]:
    """The overrides, and what ``--config-dir`` names.

    Raises:
        ValueError: for any other flag, or none behind it.
    """
    overrides, config_dir, rest = [], None, iter(arguments)
    for argument in rest:
        flag, _, value = argument.partition("=")
        if flag in ("--config-dir", "-cd"):
            config_dir = Path(value or next(rest, "nothing"))
        elif argument.startswith("-"):
            raise UserError(
                "A prediction is of one configuration, and takes --config-dir and --help. Found "
                f"`{argument}`. Leave it out; `runs=[…]` draws the runs of a sweep."
            )
        else:
            overrides.append(argument)
    return overrides, config_dir


def _limit(theory: Theory, sigma_b: float) -> float | None:
    """The σ_w at which χ₁ tends to 1 while q runs to infinity, as for ReLU with a bias."""
    slope = float(theory.moments.slope_second_moment(_HUGE)[0])
    if not slope > 0:
        return None
    sigma_w = ((1 - theory.dropout) / slope) ** 0.5
    point = fixed_point(theory.moments, sigma_w, sigma_b, dropout=theory.dropout)
    return sigma_w if point.q == np.inf and point.phase == "critical" else None


def _title(theory: Theory, choices: dict[str, str | None], overrides: Sequence[str]) -> str:
    """The parts that theory looks at, by the names of their options."""
    own = {"activation": theory.moments.activation, "init": theory.initializer}
    names = [
        type(own[group]).__name__
        if group in own and any(override.startswith(f"{group}._target_") for override in overrides)
        else choices[group]
        for group in ("activation", "init", "data")
    ]
    depth = f"{theory.depth} hidden layer{'' if theory.depth == 1 else 's'}"
    dropout = [f"dropout {theory.dropout:g}"] if theory.dropout else []
    return " · ".join([*filter(None, names), depth, *dropout])
