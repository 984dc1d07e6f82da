"""Theory of a network at initialisation, and the phase diagram with the network in it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from deltaflow.comparison.phase_points import PhasePoint
from deltaflow.figures.phase_picture import phase_picture
from deltaflow.system.errors import UserError
from deltaflow.system.wording import many
from deltaflow.terminal.theory import NetworkPrediction
from deltaflow.theory import Array, Theory, edge_of_chaos, fixed_point, phase_diagram

_HUGE = np.array([1e24])  # a variance q so large that φ' takes only its limits at ±∞


def predict_network(title: str, theory: Theory, input_second_moment: Array) -> NetworkPrediction:
    """Compute the mean-field prediction for a network at initialisation.

    Args:
        title: title of the prediction.
        theory: the network's theory.
        input_second_moment: mean of x² over the features of each sample, ``[n_samples]``.

    Returns:
        The prediction, ready to be printed.
    """
    profile = theory.predict(input_second_moment)
    if not theory.depth:
        return NetworkPrediction(title, theory, profile, [], None, None)
    ends = theory.limits(input_second_moment)
    if theory.normalization is not None:
        return NetworkPrediction(title, theory, profile, ends, None, None)
    sigma_b = theory.typical_variances()[1] ** 0.5
    edge = edge_of_chaos(theory.moments, sigma_b)
    limit = None if edge else _limit(theory, sigma_b)
    return NetworkPrediction(title, theory, profile, ends, edge, limit)


def draw_phase_diagram(
    prediction: NetworkPrediction, input_second_moment: Array, runs: Sequence[PhasePoint]
) -> Figure:
    """Draw the phase diagram of a network's activation, with the network in it.

    Args:
        prediction: the prediction for the network.
        input_second_moment: mean of x² over the features of each sample, ``[n_samples]``.
        runs: runs to show as points.

    Raises:
        ValueError: if the network has no hidden layer.
    """
    theory = prediction.theory
    if not theory.depth:
        raise UserError(
            "A phase diagram is of layers between hidden layers. Found `network.depth=0`. "
            "Use `network.depth=1` or more."
        )
    here = theory.typical_variances()
    edge = (
        prediction.edge.sigma_w * (1 - theory.dropout) ** 0.5
        if prediction.edge
        else prediction.limit
    )
    weights = [here[0], *(run.weight_variance for run in runs)]
    biases = [here[1], *(run.bias_variance for run in runs)]
    diagram = phase_diagram(
        theory.moments,
        np.linspace(0, max(3.0, 2 * (edge or 0) ** 2, 1.25 * max(weights)), 241),
        np.linspace(0, max(0.5, 1.25 * max(biases)), 161),
        theory.initial_variances(input_second_moment)[0][1],
        theory.dropout,
    )
    return phase_picture(diagram, prediction.title, here, prediction.edge, runs)


def prediction_title(
    theory: Theory, choices: dict[str, str | None], overrides: Sequence[str]
) -> str:
    """The title of a prediction: the options or classes that theory depends on."""
    own = {"activation": theory.moments.activation, "init": theory.initializer}
    names = [
        type(own[group]).__name__
        if group in own and any(override.startswith(f"{group}._target_") for override in overrides)
        else choices[group]
        for group in ("activation", "init", "data")
    ]
    depth = many(theory.depth, "hidden layer")
    more = [f"dropout {theory.dropout:g}"] if theory.dropout else []
    more += [f"{theory.normalization} normalisation"] if theory.normalization else []
    return " · ".join([*filter(None, names), depth, *more])


def _limit(theory: Theory, sigma_b: float) -> float | None:
    """The σ_w at which χ₁ → 1 as q → ∞, as for ReLU with a bias; ``None`` if there is none."""
    slope = float(theory.moments.slope_second_moment(_HUGE)[0])
    if not slope > 0:
        return None
    sigma_w = ((1 - theory.dropout) / slope) ** 0.5
    point = fixed_point(theory.moments, sigma_w, sigma_b, dropout=theory.dropout)
    return sigma_w if point.q == np.inf and point.phase == "critical" else None
