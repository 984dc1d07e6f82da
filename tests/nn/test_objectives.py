import numpy as np
import pytest
import torch
from scipy.special import expit, logsumexp
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error, r2_score
from sklearn.utils.class_weight import compute_sample_weight
from torch.nn import functional

from deltaflow.nn.objectives import BinaryCrossEntropy, CrossEntropy, MeanSquaredError
from deltaflow.nn.task import Classification, Regression

R, B = 3, 17
TWO, THREE = Classification(("no", "yes")), Classification(("a", "b", "c"))
NUMBERS = Regression(("y1", "y2"), scale=(10.0, 0.5))
ONE_NUMBER = Regression(("y1",), scale=(2.0,))


def ce(task, class_weight=None):
    return CrossEntropy(task, class_weight)


def bce(task, threshold=0.5):
    return BinaryCrossEntropy(task, threshold)


def mse(task, target="onehot", threshold=0.5):
    return MeanSquaredError(task, target, threshold)


def index_mse(task):
    return mse(task, target="index")


def one_hot(target, k):
    return (target[..., None] == np.arange(k)).astype(float)


def ce_by_hand(z, target):
    return logsumexp(z, axis=-1) - np.take_along_axis(z, target[..., None], -1)[..., 0]


def bce_by_hand(z, target):
    y = target[..., None] if z.shape[-1] == 1 else one_hot(target, z.shape[-1])
    p = expit(z)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(-1)


def mse_by_hand(z, target):
    y = target[..., None] if z.shape[-1] == 1 else one_hot(target, z.shape[-1])
    return ((z - y) ** 2).mean(-1)


def regression_by_hand(z, target):
    return ((z - target) ** 2).mean(-1)


TABLE = [  # loss, task, outputs, loss of a sample by hand
    pytest.param(ce, THREE, 3, ce_by_hand, id="ce-3"),
    pytest.param(ce, TWO, 2, ce_by_hand, id="ce-2"),
    pytest.param(bce, THREE, 3, bce_by_hand, id="bce-3"),
    pytest.param(bce, TWO, 1, bce_by_hand, id="bce-2"),
    pytest.param(mse, THREE, 3, mse_by_hand, id="mse-3"),
    pytest.param(mse, TWO, 1, mse_by_hand, id="mse-2"),
    pytest.param(index_mse, THREE, 1, mse_by_hand, id="mse-index-3"),
    pytest.param(index_mse, TWO, 1, mse_by_hand, id="mse-index-2"),
    pytest.param(mse, NUMBERS, 2, regression_by_hand, id="mse-regression"),
    pytest.param(index_mse, ONE_NUMBER, 1, regression_by_hand, id="mse-index-regression"),
]


def targets_of(task):
    rng = np.random.default_rng(1)
    if isinstance(task, Classification):
        return rng.integers(0, task.n_classes, (R, B))
    return rng.standard_normal((R, B, task.n_targets))


def outputs_of(n_outputs, scale=2.0):
    return scale * np.random.default_rng(2).standard_normal((R, B, n_outputs))


def tensor(array):
    return torch.from_numpy(np.asarray(array))


@pytest.mark.parametrize(("loss", "task", "n_outputs", "by_hand"), TABLE)
def test_the_head_and_the_loss_of_each_sample(loss, task, n_outputs, by_hand):
    objective = loss(task)
    z, target = outputs_of(n_outputs), targets_of(task)
    assert objective.n_outputs == n_outputs
    found = objective.sample_loss(tensor(z), tensor(target))
    assert found.shape == (R, B)
    np.testing.assert_allclose(found, by_hand(z, target), rtol=1e-12)


@pytest.mark.parametrize(("loss", "task", "n_outputs", "by_hand"), TABLE)
def test_targets_that_would_broadcast_are_refused(loss, task, n_outputs, by_hand):
    objective, target = loss(task), tensor(targets_of(task))
    z = tensor(outputs_of(n_outputs))
    for wrong in (z.squeeze(-1)[..., :1], z[:1], z[:, :1], torch.cat([z, z], -1)):
        with pytest.raises(ValueError, match=r"Outputs must have the shape \[3, 17"):
            objective.sample_loss(wrong, target)


@pytest.mark.parametrize("loss", [mse, index_mse])
def test_a_column_against_a_row_is_refused(loss):
    column, row = torch.zeros(1, 5, 1), torch.zeros(1, 5)
    with pytest.raises(ValueError, match=r"\[1, 5\].*Found \[1, 5, 1\]"):
        loss(ONE_NUMBER).sample_loss(column, row)


@pytest.mark.parametrize("loss", [ce, bce])
def test_cross_entropies_refuse_numbers(loss):
    with pytest.raises(
        ValueError, match=rf"`loss={loss.__name__}` needs classes.*y1, y2.*loss=mse"
    ):
        loss(NUMBERS)


@pytest.mark.parametrize(("loss", "n_outputs"), [(ce, 3), (bce, 3), (ce, 2), (bce, 1)])
def test_cross_entropies_are_stable_for_huge_logits(loss, n_outputs):
    task = THREE if n_outputs == 3 else TWO
    z = torch.full((1, 1, n_outputs), -1e4)
    z[..., -1] = 1e4
    right = torch.full((1, 1), task.n_classes - 1)
    wrong = torch.zeros(1, 1, dtype=torch.long)
    assert loss(task).sample_loss(z, right).item() == 0
    assert 5e3 < loss(task).sample_loss(z, wrong).item() < 3e4


@pytest.mark.parametrize("loss", [ce, bce, mse])
def test_the_class_of_the_largest_output_is_predicted(loss):
    z = outputs_of(3)
    np.testing.assert_array_equal(loss(THREE).predict(tensor(z)), z.argmax(-1))


def test_two_logits_predict_the_larger():
    z = outputs_of(2)
    np.testing.assert_array_equal(ce(TWO).predict(tensor(z)), z[..., 1] > z[..., 0])


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_one_logit_is_held_against_the_threshold_as_a_probability(threshold):
    z = outputs_of(1)
    predicted = bce(TWO, threshold).predict(tensor(z))
    np.testing.assert_array_equal(predicted, expit(z[..., 0]) >= threshold)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_one_output_is_held_against_the_threshold_as_it_is(threshold):
    z = outputs_of(1)
    predicted = mse(TWO, threshold=threshold).predict(tensor(z))
    np.testing.assert_array_equal(predicted, z[..., 0] >= threshold)


@pytest.mark.parametrize("objective", [bce(TWO, 0.5), mse(TWO, threshold=0.5)], ids=["bce", "mse"])
def test_the_threshold_itself_is_class_one(objective):
    at = 0.0 if isinstance(objective, BinaryCrossEntropy) else 0.5
    assert objective.predict(torch.full((1, 1, 1), at)).item() == 1


def test_an_output_on_the_class_index_predicts_the_nearest_class():
    z = torch.tensor([[[-7.0], [0.4], [0.6], [1.9], [44.0], [torch.inf], [-torch.inf]]])
    assert index_mse(THREE).predict(z).tolist() == [[0, 0, 1, 2, 2, 2, 0]]


@pytest.mark.parametrize(("loss", "task", "n_outputs", "by_hand"), TABLE)
def test_predictions_are_fit_for_the_metrics_even_of_broken_replicas(
    loss, task, n_outputs, by_hand
):
    z, target = tensor(outputs_of(n_outputs)), tensor(targets_of(task))
    objective = loss(task)
    healthy = objective.metrics(objective.predict(z), target)
    for poison in (torch.nan, torch.inf):
        broken = z.clone()
        broken[1] = poison
        found = objective.metrics(objective.predict(broken), target)
        for metric, value in healthy.items():
            assert torch.equal(found[metric][[0, 2]], value[[0, 2]])


@pytest.mark.parametrize("task", [TWO, THREE], ids=["2", "3"])
def test_class_metrics_are_those_of_scikit_learn(task):
    target = targets_of(task)
    prediction = np.random.default_rng(3).integers(0, task.n_classes, (R, B))
    found = ce(task).metrics(tensor(prediction), tensor(target))
    accuracy = [accuracy_score(target[r], prediction[r]) for r in range(R)]
    f1 = [f1_score(target[r], prediction[r], average="macro") for r in range(R)]
    np.testing.assert_allclose(found["accuracy"], accuracy, rtol=1e-6)
    np.testing.assert_allclose(found["macro_f1"], f1, rtol=1e-6)


@pytest.mark.parametrize(
    ("target", "prediction"),
    [([0, 0, 1, 1], [0, 1, 1, 1]), ([0, 1, 2, 2], [0, 1, 1, 1]), ([0, 0], [2, 2])],
    ids=["class 2 nowhere", "class 2 never predicted", "nothing right"],
)
def test_macro_f1_treats_absent_classes_as_scikit_learn_does(target, prediction):
    found = ce(THREE).metrics(torch.tensor([prediction]), torch.tensor([target]))
    expected = f1_score(target, prediction, average="macro")
    assert found["macro_f1"].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("task", [ONE_NUMBER, NUMBERS], ids=["1", "2"])
@pytest.mark.parametrize("n_replicas", [1, R])
def test_regression_metrics_are_those_of_scikit_learn_in_the_units_of_the_data(task, n_replicas):
    target = targets_of(task)[:n_replicas]
    prediction = target + 0.3 * np.random.default_rng(3).standard_normal(target.shape)
    found = mse(task).metrics(tensor(prediction), tensor(target))
    scale = np.array(task.scale)
    for r in range(n_replicas):
        assert found["r2"][r].item() == pytest.approx(r2_score(target[r], prediction[r]))
        squared = mean_squared_error(target[r] * scale, prediction[r] * scale)
        assert found["rmse"][r].item() == pytest.approx(np.sqrt(squared))


def test_r2_of_a_single_sample_is_nan():
    found = mse(NUMBERS).metrics(torch.zeros(2, 1, 2), torch.ones(2, 1, 2))
    assert found["r2"].isnan().all()
    assert found["r2"].shape == (2,)
    assert found["rmse"].tolist() == pytest.approx([np.sqrt((10**2 + 0.5**2) / 2)] * 2)


def test_numbers_are_predicted_as_they_are():
    z = tensor(outputs_of(2))
    assert torch.equal(mse(NUMBERS).predict(z), z)


def test_float32_outputs_keep_their_type():
    z = tensor(outputs_of(3)).float()
    for loss in (ce, bce, mse):
        assert loss(THREE).sample_loss(z, tensor(targets_of(THREE))).dtype == torch.float32


def test_cross_entropy_of_a_stack_is_that_of_each_replica():
    z, target = tensor(outputs_of(3)), tensor(targets_of(THREE))
    found = ce(THREE).sample_loss(z, target)
    for r in range(R):
        expected = functional.cross_entropy(z[r], target[r], reduction="none")
        torch.testing.assert_close(found[r], expected)


@pytest.mark.parametrize("threshold", [0, 1, -0.5, 1.5, float("nan")])
@pytest.mark.parametrize("loss", [bce, mse])
def test_impossible_thresholds_are_refused(loss, threshold):
    with pytest.raises(ValueError, match=rf"between 0 and 1. Found {threshold}"):
        loss(TWO, threshold=threshold)


def test_an_unknown_encoding_is_refused():
    with pytest.raises(ValueError, match=r"must be onehot or index. Found 'ordinal'"):
        mse(THREE, target="ordinal")


COUNTED = Classification(("a", "b", "c"), counts=(50, 20, 30))


@pytest.mark.parametrize("loss", [ce, lambda task, **kw: BinaryCrossEntropy(task, 0.5, **kw)])
@pytest.mark.parametrize("asked", ["balanced", [1, 2.5, 0.5]])
def test_a_sample_counts_by_its_class(loss, asked):
    labels = np.repeat(np.arange(3), COUNTED.counts)
    weights = dict(enumerate(asked)) if asked != "balanced" else asked
    each = compute_sample_weight(weights, labels)
    expected = (each / each.mean())[[0, 50, 70]]
    objective = loss(COUNTED, class_weight=asked)
    z, target = tensor(outputs_of(3)), tensor(targets_of(COUNTED))
    plain = loss(COUNTED).sample_loss(z, target)
    found = objective.sample_loss(z, target)
    np.testing.assert_allclose(found, plain.numpy() * expected[target], rtol=1e-12)
    assert list(objective.weights_by_class) == ["a", "b", "c"]
    assert loss(COUNTED).weights_by_class == {}


def test_weights_are_those_of_pytorch():
    objective, target = ce(COUNTED, class_weight=[1, 2, 4]), torch.tensor([[0, 1, 2, 2]])
    z = tensor(outputs_of(3))[:1, :4]
    alike = functional.cross_entropy(z[0], target[0], torch.tensor([1.0, 2, 4]).double())
    found = objective.sample_loss(z, target)
    ours = found.sum() / objective.weights[target].sum()
    torch.testing.assert_close(ours, alike)


@pytest.mark.parametrize(
    "asked", ["equal", [], [1, 2], [1, 2, 3, 4], [1, 0, 1], [1, -1, 1], [1, np.inf, 1], [1, "x", 2]]
)
@pytest.mark.parametrize("loss", [CrossEntropy, lambda *a: BinaryCrossEntropy(a[0], 0.5, a[1])])
def test_weights_must_be_one_for_each_class(loss, asked):
    with pytest.raises(ValueError, match=r"3 classes a, b, c\. Found .*class_weight=\[1,1,2\]"):
        loss(COUNTED, asked)


@pytest.mark.parametrize("loss", [ce, bce, mse])
def test_losses_under_autocast_are_in_single_precision(loss):
    objective = loss(THREE)
    z, target = tensor(outputs_of(3)).bfloat16(), tensor(targets_of(THREE))
    expected = objective.sample_loss(z.float(), target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(objective.sample_loss(z, target), expected)
