"""Colours as eyes see them."""

import numpy as np

# Machado, Oliveira and Fernandes 2009: what the colour-blind see, on linear RGB.
SIGHTS = {
    "all": np.eye(3),
    "no red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "no green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "no blue": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(color, sight="all"):
    """CIELAB of a colour, as eyes see it that have a sight of ``SIGHTS``."""
    xyz = TO_XYZ @ np.clip(np.asarray(SIGHTS[sight]) @ _linear(color), 0, 1)
    xyz /= np.array([0.9505, 1, 1.089])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one, other):
    """WCAG 2's contrast ratio of two colours."""
    dark, light = sorted(float(TO_XYZ[1] @ _linear(color)) for color in (one, other))
    return (light + 0.05) / (dark + 0.05)


def _linear(color):
    share = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
