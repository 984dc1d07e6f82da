"""Twenty-four models of others, half of them faulty in a way that is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from watching_accuracy.architectures import (
    Data,
    Detached,
    LeNet,
    Transformer,
    blobs,
    chain,
    cnn,
    filled,
    images,
    residual,
    sequences,
    sine,
    xor,
)

Optimizer = Callable[[nn.Module], torch.optim.Optimizer]
N_STEPS, BATCH_SIZE = 120, 32


@dataclass(frozen=True)
class Model:
    """A model, what it is trained on and how, and what is wrong with it.

    Attributes:
        make: makes it.
        data: makes inputs and targets.
        optimizer: of its parameters.
        fault: the kind of finding that names it; ``None`` for a healthy one.
        loss: of outputs and targets.
        clears: whether gradients are cleared before each backward pass.
        also: other kinds that name the fault as well.
    """

    make: Callable[[], nn.Module]
    data: Callable[[], Data]
    optimizer: Optimizer
    fault: str | None = None
    loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy
    clears: bool = True
    also: tuple[str, ...] = ()

    def is_named_by(self, kinds: Sequence[str]) -> bool:
        """Whether the first finding names the fault, or there is none on a healthy model.

        Args:
            kinds: of findings, most important first.
        """
        return (kinds[0] in (self.fault, *self.also)) if kinds else self.fault is None


def train(
    model: nn.Module,
    of: Model,
    after_step: Callable[[Tensor], object],
    n_steps: int = N_STEPS,
) -> None:
    """A loop as anybody would write it.

    Args:
        model: to train.
        of: what it is trained on, and how.
        after_step: is handed the loss.
        n_steps: updates to make.
    """
    x, y = of.data()
    optimizer = of.optimizer(model)
    generator = torch.Generator().manual_seed(0)
    for _ in range(n_steps):
        rows = torch.randint(0, len(x), (BATCH_SIZE,), generator=generator)
        loss = of.loss(model(x[rows]), y[rows])
        if of.clears:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        after_step(loss)


def adam(lr: float) -> Optimizer:
    """Adam with a learning rate."""
    return lambda model: torch.optim.Adam(model.parameters(), lr=lr)


def sgd(lr: float) -> Optimizer:
    """Gradient descent with momentum."""
    return lambda model: torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


def _of_the_last(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam([*model.parameters()][-2:], lr=0.01)


def _scaled(factor: float) -> nn.Sequential:
    model = chain([2, *[32] * 8, 2], nn.ReLU, _he)
    with torch.no_grad():
        for layer in [*model][2::2]:
            layer.weight *= factor
    return model


_he, _xavier = nn.init.kaiming_normal_, nn.init.xavier_normal_
_deep = [2, *[32] * 10, 2]
HEALTHY = {
    "mlp he relu": Model(partial(chain, [2, 32, 32, 32, 2], nn.ReLU, _he), xor, adam(0.01)),
    "mlp as PyTorch draws it": Model(
        partial(chain, [2, 32, 32, 32, 32, 2], nn.ReLU), xor, adam(0.01)
    ),
    "mlp xavier tanh": Model(partial(chain, [2, 32, 32, 2], nn.Tanh, _xavier), xor, sgd(0.1)),
    "mlp of twenty layers": Model(
        partial(chain, [2, *[32] * 20, 2], nn.ReLU, _he), blobs, adam(0.001)
    ),
    "mlp gelu": Model(partial(chain, [2, 32, 32, 2], nn.GELU), xor, adam(0.01)),
    "mlp for numbers": Model(
        partial(chain, [1, 32, 32, 1], nn.Tanh), sine, adam(0.01), loss=nn.functional.mse_loss
    ),
    "lenet": Model(partial(LeNet, 2), images, adam(0.01)),
    "cnn with batch norm": Model(cnn, images, adam(0.01)),
    "residual with layer norm": Model(residual, xor, adam(0.003)),
    "residual that starts as identity": Model(
        partial(residual, is_identity=True), xor, adam(0.003)
    ),
    "transformer": Model(Transformer, sequences, adam(0.01)),
    "linear model": Model(partial(chain, [2, 2]), blobs, sgd(0.1)),
}
FAULTY = {
    "ten sigmoid layers": Model(partial(chain, _deep, nn.Sigmoid), xor, sgd(0.1), "vanishing"),
    "cnn as PyTorch draws it": Model(
        partial(cnn, 12, norm=False), images, sgd(0.01), "vanishing"
    ),
    "weights that grow": Model(partial(_scaled, 4.0), xor, sgd(1e-9), "exploding"),
    "weights that shrink": Model(partial(_scaled, 0.3), xor, sgd(0.1), "vanishing"),
    "units that are off": Model(
        lambda: filled(chain([2, 32, 32, 2], nn.ReLU, _he), "2.bias", -30.0),
        xor, adam(0.001), "inactive",
    ),
    "saturated": Model(
        partial(chain, [2, 32, 32, 32, 2], nn.Tanh, partial(nn.init.normal_, std=8.0)),
        xor, sgd(1e-4), "saturation",
    ),
    "all weights alike": Model(
        partial(chain, [2, 32, 32, 2], nn.Tanh, partial(nn.init.constant_, val=0.1)),
        xor, adam(0.01), "symmetric",
    ),
    "softmax twice": Model(
        lambda: nn.Sequential(chain([2, 32, 32, 2], nn.ReLU, _he), nn.Softmax(-1)),
        xor, adam(0.01), "doubled",
    ),
    "lenet that steps too far": Model(partial(LeNet, 2), images, adam(3.0), "violent"),
    "transformer that hardly steps": Model(Transformer, sequences, adam(1e-7), "stalled"),
    "body without a gradient": Model(Detached, xor, adam(0.01), "detached"),
    "body that is left out": Model(
        partial(chain, [2, 32, 32, 2], nn.ReLU, _he), xor, _of_the_last, "unoptimized"
    ),
}  # fmt: skip
