"""Twenty-four more models, on which no rule was settled: their first result is the honest one."""

from functools import partial

import torch
from torch import nn
from torch.nn import functional

from watching_accuracy.architectures import chain, filled, images, sequences, sine, xor
from watching_accuracy.models import Model, adam, sgd
from watching_accuracy.unseen_architectures import (
    Autoencoder,
    Gated,
    Mixer,
    PostNorm,
    Sets,
    Sine,
    UNet,
    codes,
    deep_narrow,
    masks,
    rings,
    separable,
    sets,
    unscaled,
    waves,
    waves_net,
)


def _drawn(std: float) -> partial[torch.Tensor]:
    return partial(nn.init.normal_, std=std)


def _of_the_head(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.head.parameters(), lr=0.01)  # type: ignore[union-attr]


_lecun = partial(nn.init.kaiming_normal_, nonlinearity="linear")
_bce, _mse = functional.binary_cross_entropy_with_logits, functional.mse_loss
HEALTHY = {
    "u-net": Model(UNet, masks, adam(0.01)),
    "gated mlp": Model(Gated, xor, adam(0.01)),
    "transformer with norms behind": Model(PostNorm, sequences, adam(0.003)),
    "autoencoder": Model(Autoencoder, codes, adam(0.01), loss=_mse),
    "mixer": Model(Mixer, sequences, adam(0.01)),
    "thirty narrow blocks": Model(deep_narrow, xor, adam(0.003)),
    "separable convolutions": Model(separable, images, adam(0.01)),
    "waves by convolutions": Model(waves_net, waves, sgd(0.03)),
    "sets of points": Model(Sets, sets, adam(0.01)),
    "sines for a sine": Model(partial(chain, [1, 32, 32, 1], Sine), sine, adam(0.003), loss=_mse),
    "selu of eight layers": Model(
        partial(chain, [2, *[32] * 8, 1], nn.SELU, _lecun),
        rings, adam(0.003), loss=_bce,
    ),
    "logistic regression of waves": Model(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(24, 2)), waves, sgd(0.1)
    ),
}  # fmt: skip
FAULTY = {
    "gain too small": Model(
        partial(chain, [2, *[48] * 12, 2], nn.Tanh, _drawn(0.05)), xor, sgd(0.05), "vanishing"
    ),
    "gain too large": Model(
        partial(chain, [2, *[48] * 12, 2], nn.LeakyReLU, _drawn(0.9)), xor, sgd(1e-12), "exploding"
    ),
    "deep convolutions without norm": Model(
        partial(waves_net, phi=nn.Sigmoid, depth=12, norm=False), waves, sgd(0.03), "vanishing"
    ),
    "autoencoder, lr × 100": Model(Autoencoder, codes, adam(1.0), "violent", _mse),
    "mixer, lr / 1000000": Model(Mixer, sequences, sgd(1e-8), "stalled"),
    "softmax behind convolutions": Model(
        lambda: waves_net(nn.Softmax(dim=1)), waves, adam(0.01), "doubled"
    ),
    "sigmoid in front of logits": Model(
        lambda: nn.Sequential(chain([2, 32, 32, 1], nn.SiLU), nn.Sigmoid()),
        rings, adam(0.01), "doubled", _bce,
    ),
    "encoder without a gradient": Model(
        partial(Autoencoder, is_cut=True), codes, adam(0.01), "detached", _mse
    ),
    "transformer whose head alone is trained": Model(
        PostNorm, sequences, _of_the_head, "unoptimized"
    ),
    "gradients that are never cleared": Model(
        Mixer, sequences, adam(0.01), "accumulated", clears=False
    ),
    "u-net with units that are off": Model(
        lambda: filled(UNet(), "coarse.bias", -40.0), masks, adam(0.001), "inactive"
    ),
    "inputs of another unit": Model(
        partial(chain, [2, 32, 32, 32, 2], nn.Tanh, _lecun), unscaled, sgd(1e-3), "saturation"
    ),
}  # fmt: skip
