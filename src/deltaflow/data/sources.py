"""Sources of samples: data sets of scikit-learn, and synthetic ones.

Every synthetic source takes ``n_samples``, ``noise`` and ``seed``. This seed is not a replica's:
all replicas get the same samples.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deltaflow.data.samples import Samples, number_columns
from deltaflow.system.errors import UserError
from deltaflow.system.memory import require_memory


def iris(n_samples: int | None = None) -> Samples:
    """Three species of iris by four lengths in centimetres, 150 flowers (Fisher 1936).

    Args:
        n_samples: use only the first rows, which are sorted by species; ``None`` for all.
    """
    from sklearn.datasets import load_iris

    if n_samples is not None:
        _check_count("n_samples", n_samples, 1)
    return _shipped(load_iris(), n_samples)


def wine() -> Samples:
    """Three growers of wine by 13 chemical measurements, 178 wines (Aeberhard & Forina 1992)."""
    from sklearn.datasets import load_wine

    return _shipped(load_wine())


def breast_cancer() -> Samples:
    """Malignant or benign by 30 measurements of cell nuclei, 569 tumours (Wolberg et al. 1995)."""
    from sklearn.datasets import load_breast_cancer

    return _shipped(load_breast_cancer())


def digits(shuffle_seed: int | None = None) -> Samples:
    """Ten handwritten digits by 8 × 8 grey values, 1797 images (Alpaydin & Kaynak 1998).

    Args:
        shuffle_seed: seed of a random order of the pixels, the same for all images, which removes
            the spatial structure; ``None`` to keep their order.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = bunch.data
    if shuffle_seed is not None:
        _check_seed("shuffle_seed", shuffle_seed)
        pixels = pixels[:, np.random.default_rng(shuffle_seed).permutation(pixels.shape[1])]
    return _shipped(bunch | {"data": pixels})


def diabetes() -> Samples:
    """Progression of diabetes after a year by 10 measurements, 442 patients (Efron et al. 2004)."""
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes(scaled=False)
    samples = Samples.numbers(bunch.data, bunch.target, ["progression"])
    return dataclasses.replace(samples, columns=number_columns(bunch.feature_names))


def _shipped(bunch: Mapping[str, Any], n_samples: int | None = None) -> Samples:
    """A classification data set of scikit-learn, with its column names."""
    rows = slice(n_samples)
    names = [str(name) for name in bunch["target_names"]]
    samples = Samples.classes(bunch["data"][rows], bunch["target"][rows], names)
    return dataclasses.replace(samples, columns=number_columns(bunch["feature_names"]))


def moons(n_samples: int, noise: float, seed: int) -> Samples:
    """Two interleaved half circles; ``noise`` is the standard deviation of the points."""
    from sklearn.datasets import make_moons

    _check(n_samples, noise, seed)
    return Samples.classes(*make_moons(n_samples, noise=noise, random_state=seed))


def circles(n_samples: int, noise: float, seed: int) -> Samples:
    """A circle of radius 1/2 within one of radius 1; ``noise`` is the points' deviation."""
    from sklearn.datasets import make_circles

    _check(n_samples, noise, seed)
    return Samples.classes(*make_circles(n_samples, noise=noise, factor=0.5, random_state=seed))


def blobs(n_samples: int, noise: float, seed: int, n_classes: int) -> Samples:
    """One Gaussian cloud per class, centred on a circle of radius 2, with deviation ``noise``."""
    from sklearn.datasets import make_blobs

    _check(n_samples, noise, seed)
    _check_count("n_classes", n_classes, 2)
    angle = 2 * np.pi * np.arange(n_classes) / n_classes
    centres = 2 * np.column_stack([np.cos(angle), np.sin(angle)])
    features, labels = make_blobs(n_samples, centers=centres, cluster_std=noise, random_state=seed)
    return Samples.classes(features, labels, [str(k) for k in range(n_classes)])


def xor(n_samples: int, noise: float, seed: int) -> Samples:
    """Points in [−1, 1]², class 1 where the signs differ; then normal noise is added.

    No linear model can separate the classes (Minsky & Papert 1969).
    """
    _check(n_samples, noise, seed)
    generator = np.random.default_rng(seed)
    corners = np.array([[-1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [1.0, -1.0]])
    corner = np.arange(n_samples) % 4
    clean = corners[corner] * generator.uniform(0.1, 1.0, (n_samples, 2))
    features = clean + noise * generator.standard_normal((n_samples, 2))
    return Samples.classes(features, corner // 2, ["same sign", "different signs"])


def spirals(n_samples: int, noise: float, seed: int, n_classes: int, turns: float) -> Samples:
    """One Archimedean spiral arm per class (Lang & Witbrock 1988, with two).

    Args:
        n_samples: number of samples in all.
        noise: standard deviation of the noise added to the points.
        seed: seed of the data.
        n_classes: number of arms.
        turns: turns of each arm, from the centre to radius 1.
    """
    _check(n_samples, noise, seed)
    _check_count("n_classes", n_classes, 2)
    if not np.isfinite(turns):
        raise UserError(f"`data.turns` must be a finite number. Found {turns}. Use `data.turns=1`.")
    generator = np.random.default_rng(seed)
    label = np.arange(n_samples) % n_classes
    radius = np.sqrt(generator.uniform(0.01, 1.0, n_samples))  # uniform density over the disc
    angle = 2 * np.pi * (turns * radius + label / n_classes)
    arms = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    features = arms + noise * generator.standard_normal((n_samples, 2))
    return Samples.classes(features, label, [str(k) for k in range(n_classes)])


def linear(n_samples: int, noise: float, seed: int, n_features: int) -> Samples:
    """Y = w·x plus normal noise, with normal w and x; a linear model can learn it."""
    _check(n_samples, noise, seed)
    _check_count("n_features", n_features, 1)
    generator = np.random.default_rng(seed)
    weight = generator.standard_normal(n_features) / np.sqrt(n_features)
    features = generator.standard_normal((n_samples, n_features))
    return Samples.numbers(
        features, features @ weight + noise * generator.standard_normal(n_samples)
    )


def sine(n_samples: int, noise: float, seed: int) -> Samples:
    """Y = sin(2πx) for x on [−1, 1], plus normal noise."""
    _check(n_samples, noise, seed)
    generator = np.random.default_rng(seed)
    x = generator.uniform(-1, 1, n_samples)
    y = np.sin(2 * np.pi * x) + noise * generator.standard_normal(n_samples)
    return Samples.numbers(x[:, None], y)


def teacher(
    n_samples: int, noise: float, seed: int, n_features: int, hidden_sizes: Sequence[int]
) -> Samples:
    """Outputs of a random tanh network on normal inputs, plus normal noise.

    The teacher's weights are normal with variance 1/fan_in, its biases 0 (Gardner & Derrida
    1989). A student of its size can reach an error of ``noise``.

    Args:
        n_samples: number of samples in all.
        noise: standard deviation of the noise added to the output.
        seed: seed of the teacher and of the samples.
        n_features: number of inputs.
        hidden_sizes: number of units of each of the teacher's hidden layers.
    """
    _check(n_samples, noise, seed)
    _check_count("n_features", n_features, 1)
    for size in hidden_sizes:
        _check_count("hidden_sizes", size, 1, example="[16]")
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((n_samples, n_features))
    h = features
    for size in hidden_sizes:
        h = np.tanh(h @ generator.standard_normal((h.shape[1], size)) / np.sqrt(h.shape[1]))
    output = h @ generator.standard_normal(h.shape[1]) / np.sqrt(h.shape[1])
    return Samples.numbers(features, output + noise * generator.standard_normal(n_samples))


def _check(n_samples: int, noise: float, seed: int) -> None:
    require_memory(
        16 * n_samples, "The data", f"`data.n_samples={n_samples}`", "Use `data.n_samples=500`."
    )
    if n_samples < 1:
        raise UserError(
            f"`data.n_samples` must be at least 1. Found {n_samples}. Use `data.n_samples=500`."
        )
    if not (np.isfinite(noise) and noise >= 0):
        raise UserError(
            f"`data.noise` must be a finite number, at least 0. Found {noise}. "
            "Use `data.noise=0.1`, or 0 for none."
        )
    _check_seed("seed", seed)


def _check_seed(name: str, seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise UserError(
            f"`data.{name}` must be at least 0 and below 2³². Found {seed}. Use `data.{name}=0`."
        )


def _check_count(name: str, count: int, minimum: int, example: str | None = None) -> None:
    if count < minimum:
        raise UserError(
            f"`data.{name}` must be at least {minimum}. Found {count}. "
            f"Use `data.{name}={example or minimum}`."
        )


def arrays() -> Samples:
    """Stands in the record of a run for samples that were passed in memory.

    Raises:
        ValueError: always, because those samples are not stored in a file.
    """
    raise UserError(
        "A run on arrays in memory must be given them. Found none. Train again in Python, where "
        "they are."
    )
