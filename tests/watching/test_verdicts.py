"""Models of others, half of them faulty in a way that is known: what is said of them first."""

import pytest
import torch
from torch import nn
from watched import kinds, trained
from watching_accuracy import models, third, unseen
from watching_accuracy.architectures import blobs, chain
from watching_accuracy.command import said_by_us

MODELS = {
    name: model
    for part in (models, unseen, third)
    for name, model in (part.HEALTHY | part.FAULTY).items()
}
SHARE = (  # of the models: one for each kind, and whatever has ever been told wrongly
    "mlp of twenty layers", "residual that starts as identity", "transformer",
    "thirty narrow blocks", "autoencoder of images", "two towers",
    "ten sigmoid layers", "weights that grow", "saturated", "all weights alike",
    "softmax twice", "mixer, lr / 1000000", "gradients that are never cleared",
    "autoencoder, lr × 100", "encoder without a gradient", "u-net with units that are off",
    "head made after the optimizer", "everything dropped",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARE)
def test_the_first_finding_names_the_fault(name):
    assert MODELS[name].is_named_by(said_by_us(MODELS[name]))


def test_gradients_that_add_up(tmp_path):
    model = chain([2, 16, 2])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    optimizer.zero_grad = lambda: None
    run = trained(model, tmp_path / "run", n_steps=11, optimizer=optimizer)
    assert kinds(run) == ["accumulated"]
    assert "zero_grad" in run.record.verdicts[0].words


def test_a_loss_that_is_not_finite(tmp_path):
    model = chain([2, 16, 2], nn.ReLU)
    run = trained(
        model, tmp_path / "run", n_steps=11, optimizer=torch.optim.SGD(model.parameters(), lr=1e30)
    )
    assert kinds(run) == ["divergence"]
    assert run.record.status == "diverged"


@pytest.mark.parametrize(
    ("last", "loss_fn", "target", "link"),
    [
        (nn.Softmax(1), nn.functional.cross_entropy, "class", "softmax"),
        (nn.Sigmoid(), nn.functional.binary_cross_entropy_with_logits, "share", "sigmoid"),
        (nn.LogSoftmax(1), nn.functional.cross_entropy, "class", None),
        (nn.Softmax(1), lambda p, y: nn.functional.nll_loss(p.log(), y), "class", None),
        (nn.Sigmoid(), nn.functional.binary_cross_entropy, "share", None),
        (nn.Identity(), nn.functional.cross_entropy, "class", None),
    ],
    ids=["softmax", "sigmoid", "log-softmax", "by hand", "bce", "logits"],
)
def test_a_link_in_front_of_a_loss_that_has_its_own(last, loss_fn, target, link, tmp_path):
    model = nn.Sequential(nn.Linear(2, 3), last)
    x, y = blobs(32, n_classes=3)
    data = x, (y if target == "class" else torch.rand(32, 3))
    run = trained(model, tmp_path / "run", data, n_steps=1, loss_fn=loss_fn)
    found = [v.numbers["output_activation"] for v in run.record.verdicts if v.kind == "doubled"]
    assert found == ([] if link is None else [link])
