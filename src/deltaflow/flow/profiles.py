"""Summarises the depth profile of a gradient norm in one number.

The last axis of a profile has one value for each hidden layer, input to output.

>>> vanishing_index(np.array([0.001, 0.01, 0.1]))  # two decades lost on the way back
array(2.)
>>> decay_rate(np.array([0.001, 0.01, 0.1])).round(6)
np.float64(0.1)
"""

import numpy as np

Array = np.typing.NDArray[np.float64]


def vanishing_index(profile: Array) -> Array:
    """Decades lost on the way from the last hidden layer back to the first.

    It is log₁₀ of the norm at the last hidden layer over that at the first: positive when
    gradients vanish, negative when they explode, 0 for one hidden layer.

    Args:
        profile: a gradient norm of each hidden layer, ``[..., depth]``.

    Returns:
        ``[...]``, decades; NaN at depth 0, and where a norm is 0 or not finite.
    """
    if profile.shape[-1] == 0:
        return np.full(profile.shape[:-1], np.nan)
    logarithm = _logarithm(profile)
    return np.asarray((logarithm[..., -1] - logarithm[..., 0]) / np.log(10))


def decay_rate(profile: Array) -> Array:
    """The factor by which a gradient norm changes per hidden layer going back.

    It is exp of the slope of the least-squares line of ln(norm) against the distance from the
    output: below 1 when gradients vanish. For large depth it tends to √χ₁ (arXiv:1611.01232).

    Args:
        profile: a gradient norm of each hidden layer, ``[..., depth]``.

    Returns:
        ``[...]``, no unit; NaN below two hidden layers, and where a norm is 0 or not finite.
    """
    depth = profile.shape[-1]
    if depth < 2:
        return np.full(profile.shape[:-1], np.nan)
    distance = np.arange(depth, 0, -1)
    centred = distance - distance.mean()
    return np.asarray(np.exp(_logarithm(profile) @ centred / np.square(centred).sum()))


def _logarithm(profile: Array) -> Array:
    usable = np.isfinite(profile) & (profile > 0)
    return np.log(profile, where=usable, out=np.full_like(profile, np.nan))
