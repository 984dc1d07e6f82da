"""Data as they come from a file, before anybody looked at their scale or at the classes' shares."""

import numpy as np

from deltaflow.data import Samples
from deltaflow.data.sources import linear


def scaled_line(
    n_samples: int,
    noise: float,
    seed: int,
    n_features: int,
    inputs: float = 1.0,
    targets: float = 1.0,
    offset: float = 0.0,
) -> Samples:
    """What ``data=linear`` has, in other units.

    Args:
        n_samples: as there.
        noise: as there.
        seed: as there.
        n_features: as there.
        inputs: factor of the features.
        targets: factor of the target.
        offset: added to the target, in its standard deviations.
    """
    made = linear(n_samples, noise, seed, n_features)
    return Samples.numbers(inputs * made.features, targets * (made.targets + offset))


def clouds(
    n_samples: int, noise: float, seed: int, inputs: float = 1.0, share: float = 0.5
) -> Samples:
    """Two round clouds in four dimensions, at a distance of 1.

    Args:
        n_samples: in all.
        noise: deviation of the points.
        seed: of the samples.
        inputs: factor of the features.
        share: of the second class.
    """
    generator = np.random.default_rng(seed)
    label = (np.arange(n_samples) % round(1 / share) == 0).astype(int)
    points = label[:, None] / 2 + noise * generator.standard_normal((n_samples, 4))
    return Samples.classes(inputs * points, label)
