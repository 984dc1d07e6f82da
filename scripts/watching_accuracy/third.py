"""Twenty-four more, on real data mostly, written before a rule had judged any of them."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from watching_accuracy.architectures import chain, filled
from watching_accuracy.models import Model, Optimizer, adam, sgd
from watching_accuracy.third_architectures import (
    Around,
    Causal,
    Dense,
    GraphNet,
    PostNormLanguage,
    PreNorm,
    TwoTowers,
    ViT,
    mobile,
    picture_autoencoder,
    resnet,
    with_batch_norm,
)
from watching_accuracy.third_data import (
    contains,
    diabetes,
    digits,
    language,
    likes,
    pictures,
    rings_of_nodes,
    signals,
    tumours,
)


def _next_token(z: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(z.flatten(0, 1), y.flatten())


def _doubling(n_blocks: int = 24, width: int = 32) -> nn.Sequential:
    """Blocks whose branches each bring twice what they are given, with no normalisation."""
    branches = []
    for _ in range(n_blocks):
        first, second = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.kaiming_normal_(first.weight)
        nn.init.normal_(second.weight, std=2 / width**0.5)
        branches.append(nn.Sequential(first, nn.ReLU(), second))
    blocks = (Around(branch, nn.Identity(), nn.Identity()) for branch in branches)
    return nn.Sequential(nn.Linear(30, width), *blocks, nn.Linear(width, 2))


def _then_a_new_head(lr: float) -> Optimizer:
    """Of a model whose head is made anew after the optimizer was given its parameters."""

    def optimizer(model: nn.Module) -> torch.optim.Optimizer:
        made = torch.optim.Adam(model.parameters(), lr=lr)
        model[-1] = nn.Linear(24, 10)  # type: ignore[operator]
        return made

    return optimizer


def _adamw(lr: float) -> Optimizer:
    return lambda model: torch.optim.AdamW(model.parameters(), lr=lr)


_mse, _bce = functional.mse_loss, functional.binary_cross_entropy_with_logits
_perceptron = partial(with_batch_norm, 64, 64, 64, 10)
HEALTHY = {
    "residual network for images": Model(resnet, digits, sgd(0.05)),
    "transformer, norm in front": Model(PreNorm, contains, _adamw(0.003)),
    "language model, norm behind": Model(
        PostNormLanguage, language, _adamw(0.003), loss=_next_token
    ),
    "perceptron with batch norm": Model(_perceptron, digits, sgd(0.05)),
    "autoencoder of images": Model(picture_autoencoder, pictures, adam(0.005), loss=_mse),
    "causal convolutions": Model(Causal, signals, adam(0.005), loss=_mse),
    "vision transformer": Model(ViT, digits, _adamw(0.003)),
    "regression on patients": Model(
        partial(chain, [10, 32, 16, 1], nn.ELU), diabetes, adam(0.003), loss=_mse
    ),
    "dense connections": Model(partial(Dense, 30), tumours, adam(0.003)),
    "two towers": Model(TwoTowers, likes, adam(0.01), loss=_bce),
    "graph of nodes": Model(GraphNet, rings_of_nodes, adam(0.01)),
    "channels excited": Model(mobile, digits, adam(0.01)),
}
FAULTY = {
    "fourteen tanh layers as PyTorch draws them": Model(
        partial(chain, [30, *[24] * 14, 2]), tumours, sgd(0.01), "vanishing"
    ),
    "branches that double": Model(_doubling, tumours, sgd(0.01), "exploding", also=("divergence",)),
    "rectifiers that never open": Model(
        lambda: filled(chain([30, 48, 48, 2], nn.ReLU), "2.bias", -8.0),
        tumours, adam(0.001), "inactive", also=("dead",),
    ),
    "sigmoids drawn too wide": Model(
        partial(chain, [30, 48, 48, 2], nn.Sigmoid, partial(nn.init.normal_, std=3.0)),
        tumours, sgd(0.001), "saturation",
    ),
    "softmax behind a vision transformer": Model(
        lambda: ViT(nn.Softmax(-1)), digits, _adamw(0.003), "doubled"
    ),
    "transformer, lr × 300": Model(
        PreNorm, contains, adam(1.0), "violent", also=("divergence",)
    ),
    "graph, lr / 10000": Model(GraphNet, rings_of_nodes, adam(1e-6), "stalled"),
    "head made after the optimizer": Model(
        resnet, digits, _then_a_new_head(0.003), "unoptimized"
    ),
    "inputs as they were measured": Model(
        partial(chain, [30, 32, 32, 2], nn.Tanh),
        partial(tumours, is_scaled=False), sgd(0.01), "saturation",
    ),
    "targets as they were measured": Model(
        partial(chain, [10, 32, 16, 1], nn.ReLU),
        partial(diabetes, is_scaled=False), sgd(0.01), "violent", _mse, also=("divergence",),
    ),
    "a layer of zeros": Model(
        lambda: filled(chain([30, 32, 32, 32, 2], nn.ReLU), ("4.weight", "4.bias"), 0.0),
        tumours, adam(0.003), "inactive", also=("dead", "symmetric", "vanishing"),
    ),
    "everything dropped": Model(
        lambda: nn.Sequential(_perceptron()[:-1], nn.Dropout(1.0), nn.Linear(64, 10)),
        digits, adam(0.003), "plateau", also=("vanishing",),
    ),
}  # fmt: skip
