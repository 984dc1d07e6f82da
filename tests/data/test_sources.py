import math

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from deltaflow.data import sources
from deltaflow.nn.task import Classification, Regression

N, NOISE = 240, 0.05
OPTIONS = {
    sources.moons: {},
    sources.circles: {},
    sources.blobs: {"n_classes": 4},
    sources.xor: {},
    sources.spirals: {"n_classes": 3, "turns": 1.0},
    sources.linear: {"n_features": 5},
    sources.sine: {},
    sources.teacher: {"n_features": 4, "hidden_sizes": [6]},
}
of_each_source = pytest.mark.parametrize("source", OPTIONS, ids=lambda source: source.__name__)


def samples_of(source, n_samples=N, noise=NOISE, seed=0, **options):
    return source(n_samples, noise=noise, seed=seed, **{**OPTIONS[source], **options})


@of_each_source
def test_the_seed_decides(source):
    first, again, other = samples_of(source), samples_of(source), samples_of(source, seed=1)
    assert np.array_equal(first.features, again.features)
    assert np.array_equal(first.targets, again.targets)
    assert not np.array_equal(first.features, other.features)


@of_each_source
@pytest.mark.parametrize("n_samples", [37, 240])
def test_there_are_as_many_samples_as_asked_for(source, n_samples):
    assert len(samples_of(source, n_samples)) == n_samples


@of_each_source
def test_classes_are_all_there_and_balanced(source):
    samples = samples_of(source)
    if isinstance(samples.task, Regression):
        assert samples.targets.shape == (N, 1)
        return
    counts = np.bincount(samples.targets, minlength=samples.task.n_classes)
    assert counts.tolist() == [N // samples.task.n_classes] * samples.task.n_classes


@of_each_source
@pytest.mark.parametrize(
    ("setting", "value"),
    [("n_samples", 0), ("noise", -0.1), ("noise", float("nan")), ("noise", float("inf")),
     ("seed", -1)],
)  # fmt: skip
def test_impossible_settings_are_refused(source, setting, value):
    with pytest.raises(ValueError, match=rf"`data.{setting}` must be .*Found {value}"):
        samples_of(source, **{setting: value})


def test_iris_is_that_of_scikit_learn():
    bunch, samples = load_iris(), sources.iris()
    assert np.array_equal(samples.features, bunch.data)
    assert np.array_equal(samples.targets, bunch.target)
    assert samples.task == Classification(("setosa", "versicolor", "virginica"))


def test_circles_have_radius_one_and_a_half():
    samples = samples_of(sources.circles, noise=0)
    radius = np.hypot(*samples.features.T)
    np.testing.assert_allclose(radius, np.where(samples.targets == 1, 0.5, 1.0))


def test_moons_are_half_circles():
    samples = samples_of(sources.moons, noise=0)
    centre = np.where(samples.targets[:, None] == 0, [0.0, 0.0], [1.0, 0.5])
    np.testing.assert_allclose(np.hypot(*(samples.features - centre).T), 1)


@pytest.mark.parametrize("noise", [0.1, 0.4])
def test_blobs_lie_around_their_centres(noise):
    samples = samples_of(sources.blobs, 4000, noise)
    centres = 2 * np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    spread = samples.features - centres[samples.targets]
    standard_error = noise / np.sqrt(2 * spread.size)
    assert abs(spread.std() - noise) < 5 * standard_error
    assert np.abs(spread.mean(0)).max() < 5 * noise / np.sqrt(len(samples))


def test_xor_is_whether_the_signs_differ():
    samples = samples_of(sources.xor, noise=0)
    x, y = samples.features.T
    assert np.array_equal(samples.targets, (x * y < 0).astype(int))
    assert np.abs(samples.features).max() <= 1


def test_no_line_tells_xor_apart():
    samples = samples_of(sources.xor, 4000)
    for angle in np.linspace(0, np.pi, 13):
        side = samples.features @ [np.cos(angle), np.sin(angle)] > 0
        assert 0.4 < np.mean(side == samples.targets) < 0.6


@pytest.mark.parametrize(("n_classes", "turns"), [(2, 1.0), (3, 0.5)])
def test_spirals_turn_with_their_radius(n_classes, turns):
    samples = samples_of(sources.spirals, noise=0, n_classes=n_classes, turns=turns)
    x, y = samples.features.T
    radius = np.hypot(x, y)
    angle = 2 * np.pi * (turns * radius + samples.targets / n_classes)
    np.testing.assert_allclose(x, radius * np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(y, radius * np.sin(angle), atol=1e-12)
    assert radius.max() <= 1


def test_linear_targets_are_linear():
    samples = samples_of(sources.linear, noise=0)
    weight, residuals, *_ = np.linalg.lstsq(samples.features, samples.targets)
    assert weight.shape == (5, 1)
    assert residuals.item() < 1e-20


def test_the_noise_of_regressions_is_the_deviation_from_the_curve():
    n, noise = 4000, 0.3
    linear, sine = (samples_of(s, n, noise) for s in (sources.linear, sources.sine))
    weight, *_ = np.linalg.lstsq(linear.features, linear.targets)
    rests = [linear.targets - linear.features @ weight]
    rests.append(sine.targets - np.sin(2 * np.pi * sine.features))
    for rest in rests:
        assert abs(rest.std() - noise) < 5 * noise / np.sqrt(2 * n)


def test_sine_is_a_sine():
    samples = samples_of(sources.sine, noise=0)
    np.testing.assert_allclose(samples.targets, np.sin(2 * np.pi * samples.features))
    assert np.abs(samples.features).max() <= 1


@pytest.mark.parametrize(
    ("source", "loader", "settings"),
    [
        (sources.wine, load_wine, {}),
        (sources.breast_cancer, load_breast_cancer, {}),
        (sources.digits, load_digits, {}),
        (sources.diabetes, load_diabetes, {"scaled": False}),
    ],
)
def test_the_shipped_data_sets_are_scikit_learns(source, loader, settings):
    bunch, samples = loader(**settings), source()
    assert np.array_equal(samples.features, bunch.data)
    assert np.array_equal(samples.targets.ravel(), bunch.target)


def test_a_teacher_is_a_tanh_network_that_noise_hides():
    clean, noisy = (
        sources.teacher(5000, noise, 3, n_features=4, hidden_sizes=[6]) for noise in (0.0, 0.5)
    )
    assert np.array_equal(clean.features, noisy.features)
    difference = (noisy.targets - clean.targets).std()
    assert abs(difference - 0.5) < 5 * 0.5 / math.sqrt(2 * 5000)
    assert np.abs(clean.targets).max() < 6  # six units, each below 1, with weights of 1/sqrt(6)


def test_shuffled_digits_have_the_same_pixels_in_another_order():
    plain, shuffled, again, other = (sources.digits(seed).features for seed in (None, 0, 0, 1))
    assert np.array_equal(plain, load_digits().data)
    assert np.array_equal(shuffled, again)
    assert not np.array_equal(shuffled, other)
    order = np.random.default_rng(0).permutation(64)
    assert not np.array_equal(shuffled, plain)
    assert np.array_equal(shuffled, plain[:, order])  # the same order in all images
    assert np.array_equal(sources.digits(0).targets, load_digits().target)


def test_pixels_are_not_shuffled_by_an_impossible_seed():
    with pytest.raises(ValueError, match=r"`data.shuffle_seed` must be .*Found -1"):
        sources.digits(-1)
