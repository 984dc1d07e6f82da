"""Models of others, half of them faulty in a way that is known: what is said of them first."""

import pytest
import torch
from torch import nn
from watched import LeNet, Residual, Transformer, blobs, chain, kinds, trained

he, xavier = nn.init.kaiming_normal_, nn.init.xavier_normal_
XOR = torch.randn(256, 2, generator=torch.Generator().manual_seed(3))
N_STEPS = 120


def xor():
    return XOR, (XOR[:, 0] * XOR[:, 1] > 0).long()


def images():
    """Bars that lie or stand, with noise."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 2, (256,), generator=generator)
    x = 0.3 * torch.randn(256, 1, 8, 8, generator=generator)
    for image, label in zip(x, y, strict=True):
        at = int(torch.randint(0, 8, (1,), generator=generator))
        image[0, at] += 2 * label
        image[0, :, at] += 2 * (1 - label)
    return x, y


def sequences():
    """Whether the first token is in the upper half."""
    tokens = torch.randint(0, 8, (256, 6), generator=torch.Generator().manual_seed(0))
    return tokens, (tokens[:, 0] > 3).long()


def sine():
    x = 3 * torch.randn(256, 1, generator=torch.Generator().manual_seed(0))
    return x, x.sin()


def residual(n_blocks=12, phi=nn.ReLU, norm=True, zero=False):
    blocks = [Residual(16, phi, norm) for _ in range(n_blocks)]
    if zero:
        for block in blocks:
            nn.init.zeros_(block.second.weight)
    return nn.Sequential(nn.Linear(2, 16), *blocks, nn.Linear(16, 2))


def cnn(depth=6, norm=True):
    layers = [nn.Conv2d(1, 8, 3, padding=1)]
    for _ in range(depth - 1):
        layers += [nn.BatchNorm2d(8) if norm else nn.Identity(), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(8, 8, 3, padding=1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))


def dying():
    model = chain([2, 32, 32, 2], nn.ReLU, he)
    nn.init.constant_(model[2].bias, -30.0)
    return model


class Detached(nn.Module):
    """A body that no gradient reaches."""

    def __init__(self):
        super().__init__()
        self.body, self.head = chain([2, 32, 32]), nn.Linear(32, 2)

    def forward(self, x):
        return self.head(self.body(x).detach().relu())


def scaled(factor):
    model = chain([2, *[32] * 8, 2], nn.ReLU, he)
    with torch.no_grad():
        for layer in model[2::2]:
            layer.weight *= factor
    return model


def adam(lr):
    return lambda model: torch.optim.Adam(model.parameters(), lr=lr)


def sgd(lr, momentum=0.9):
    return lambda model: torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)


def of_the_head(model):
    return torch.optim.Adam(model[-1].parameters(), lr=0.01)


HEALTHY = {
    "mlp he relu": (lambda: chain([2, 32, 32, 32, 2], nn.ReLU, he), xor, adam(0.01)),
    "mlp as PyTorch draws it": (lambda: chain([2, 32, 32, 32, 32, 2], nn.ReLU), xor, adam(0.01)),
    "mlp xavier tanh": (lambda: chain([2, 32, 32, 2], nn.Tanh, xavier), xor, sgd(0.1)),
    "mlp of twenty layers": (lambda: chain([2, *[32] * 20, 2], nn.ReLU, he), blobs, adam(0.001)),
    "mlp gelu": (lambda: chain([2, 32, 32, 2], nn.GELU), xor, adam(0.01)),
    "mlp for numbers": (lambda: chain([1, 32, 32, 1], nn.Tanh), sine, adam(0.01)),
    "lenet": (lambda: LeNet(2), images, adam(0.01)),
    "cnn with batch norm": (cnn, images, adam(0.01)),
    "residual with layer norm": (residual, xor, adam(0.003)),
    "residual that starts as identity": (lambda: residual(zero=True), xor, adam(0.003)),
    "transformer": (Transformer, sequences, adam(0.01)),
    "linear model": (lambda: chain([2, 2]), blobs, sgd(0.1)),
}
FAULTY = {
    "ten sigmoid layers": (
        lambda: chain([2, *[32] * 10, 2], nn.Sigmoid), xor, sgd(0.1), "vanishing",
    ),
    "cnn as PyTorch draws it": (lambda: cnn(12, norm=False), images, sgd(0.01), "vanishing"),
    "weights that grow": (lambda: scaled(4.0), xor, sgd(1e-9), "exploding"),
    "weights that shrink": (lambda: scaled(0.3), xor, sgd(0.1), "vanishing"),
    "units that are off": (dying, xor, adam(0.001), "inactive"),
    "saturated": (
        lambda: chain([2, 32, 32, 32, 2], nn.Tanh, lambda w: nn.init.normal_(w, std=8.0)),
        xor, sgd(1e-4), "saturation",
    ),
    "all weights alike": (
        lambda: chain([2, 32, 32, 2], nn.Tanh, lambda w: nn.init.constant_(w, 0.1)),
        xor, adam(0.01), "symmetric",
    ),
    "softmax twice": (
        lambda: nn.Sequential(chain([2, 32, 32, 2], nn.ReLU, he), nn.Softmax(-1)),
        xor, adam(0.01), "doubled",
    ),
    "lenet that steps too far": (lambda: LeNet(2), images, adam(3.0), "violent"),
    "transformer that hardly steps": (Transformer, sequences, adam(1e-7), "stalled"),
    "body without a gradient": (Detached, xor, adam(0.01), "detached"),
    "body that is left out": (
        lambda: chain([2, 32, 32, 2], nn.ReLU, he), xor, of_the_head, "unoptimized",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_model(name, tmp_path):
    make, data, optimizer = HEALTHY[name]
    model = make()
    loss = nn.functional.mse_loss if data is sine else nn.functional.cross_entropy
    run = trained(model, tmp_path / "run", data(), N_STEPS, optimizer(model), loss)
    assert kinds(run) == ["healthy"]


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_model(name, tmp_path):
    make, data, optimizer, kind = FAULTY[name]
    model = make()
    run = trained(model, tmp_path / "run", data(), N_STEPS, optimizer(model))
    assert kinds(run)[0] == kind, run.record.verdicts[0].words


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
