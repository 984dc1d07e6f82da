"""The layers of R networks of one shape: the replica axis first, and never mixed.

A stacked layer maps ``[R, batch, features]`` to ``[R, batch, features]``, and gives the
plain layer of one replica.

>>> StackedLinear(fan_in=4, fan_out=3, n_replicas=5).replica(2)
Linear(in_features=4, out_features=3, bias=True)
"""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deltaflow.nn.random_streams import Stream, kept

Plain = TypeVar("Plain", bound=nn.Module)


class StackedLinear(nn.Module):
    """R linear layers of one shape: z = h Wᵀ + b within each replica.

    The weight is ``[R, fan_out, fan_in]``, and lies in memory as ``[R, fan_in, fan_out]``. So do
    its gradient and whatever an optimizer keeps of it, and a product needs no transposed copy. A
    single replica lies as ``nn.Linear`` does, for optimizers that look at gradients as one row.

    The parameters hold no values until an initializer's are set.

    Args:
        fan_in: inputs of the layer.
        fan_out: units of the layer.
        n_replicas: R.
        dtype: of the parameters.
    """

    def __init__(
        self, fan_in: int, fan_out: int, n_replicas: int, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.fan_in = fan_in
        self.fan_out = fan_out
        weight = torch.zeros(n_replicas, fan_in, fan_out, dtype=dtype).transpose(1, 2)
        self.weight = nn.Parameter(weight if n_replicas > 1 else weight.contiguous())
        self.bias = nn.Parameter(torch.zeros(n_replicas, fan_out, dtype=dtype))

    def forward(self, h: Tensor) -> Tensor:
        """Pre-activations ``[R, batch, fan_out]`` of inputs ``[R, batch, fan_in]``."""
        return torch.baddbmm(self.bias.unsqueeze(1), h, self.weight.transpose(1, 2))

    def replica(self, r: int) -> nn.Linear:
        """Replica ``r`` as a plain layer, with copies of its parameters."""
        weight = self.weight[r]
        plain: nn.Linear = nn.utils.skip_init(  # no draw from PyTorch's global generator
            nn.Linear, self.fan_in, self.fan_out, device=weight.device, dtype=weight.dtype
        )
        return _filled(plain, self, r)

    def extra_repr(self) -> str:
        """Shape of the layer, as ``nn.Linear`` prints it, and R."""
        return f"fan_in={self.fan_in}, fan_out={self.fan_out}, n_replicas={len(self.weight)}"


class StackedNormalization(nn.Module):
    """What follows a normalisation: each unit times γ plus β, which start at 1 and 0.

    Args:
        n_units: N.
        n_replicas: R.
        dtype: of the parameters.

    Attributes:
        weight: γ, ``[R, N]``.
        bias: β, ``[R, N]``.
    """

    plain: type[nn.LayerNorm | nn.BatchNorm1d]

    def __init__(self, n_units: int, n_replicas: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_replicas, n_units, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(n_replicas, n_units, dtype=dtype))

    def replica(self, r: int) -> nn.LayerNorm | nn.BatchNorm1d:
        """Replica ``r`` as a plain layer, with copies of its parameters and averages."""
        weight = self.weight[r]
        return _filled(self.plain(len(weight), device=weight.device, dtype=weight.dtype), self, r)


class StackedLayerNorm(StackedNormalization):
    """Each sample's units shifted and scaled to mean 0 and variance 1 (Ba et al. 2016).

    arXiv:1607.06450, eq. 4, with PyTorch's ε of 10⁻⁵.
    """

    plain = nn.LayerNorm

    def forward(self, z: Tensor) -> Tensor:
        """Normalised pre-activations ``[R, batch, N]``."""
        normalised = functional.layer_norm(z, z.shape[-1:])
        return torch.addcmul(self.bias.unsqueeze(1), self.weight.unsqueeze(1), normalised)


class StackedBatchNorm(StackedNormalization):
    """Each unit shifted and scaled to mean 0 and variance 1 over its replica's batch.

    Ioffe & Szegedy 2015 (arXiv:1502.03167), algorithm 1. In evaluation mode running averages
    take the place of the batch's, as in PyTorch, whose ε (10⁻⁵) and momentum (0.1) are used.

    Attributes:
        running_mean: ``[R, N]``.
        running_var: ``[R, N]``.
    """

    plain = nn.BatchNorm1d
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, n_units: int, n_replicas: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(n_units, n_replicas, dtype)
        self.register_buffer("running_mean", torch.zeros(n_replicas, n_units, dtype=dtype))
        self.register_buffer("running_var", torch.ones(n_replicas, n_units, dtype=dtype))

    def forward(self, z: Tensor) -> Tensor:
        """Normalised pre-activations ``[R, batch, N]``; in training, of at least 2 samples."""
        n_replicas, n_samples, n_units = z.shape
        channels = functional.batch_norm(  # each unit of each replica a channel of its own
            z.transpose(0, 1).reshape(n_samples, n_replicas * n_units),
            self.running_mean.view(-1),
            self.running_var.view(-1),
            self.weight.view(-1),
            self.bias.view(-1),
            training=self.training,
        )
        return channels.view(n_samples, n_replicas, n_units).transpose(0, 1)


class StackedDropout(nn.Module):
    """In training, units set to 0 at random, the others scaled up (Srivastava et al. 2014).

    Whether a unit is dropped for a sample is a function of the replica's seed, the step and
    the layer. In evaluation mode nothing is dropped.

    Args:
        rate: the share to drop, at least 0 and below 1; of each replica, ``[R]``, if it differs.
        layer: whose units, 1 to L − 1.
    """

    def __init__(self, rate: float | np.ndarray, layer: int) -> None:
        super().__init__()
        self.rate = rate
        self.layer = layer

    def forward(self, h: Tensor, seeds: Sequence[int], step: int) -> Tensor:
        """Activations ``[R, batch, N]``, some of them 0, the others over 1 − rate.

        Args:
            h: ``[R, batch, N]``.
            seeds: of the replicas.
            step: of the training.
        """
        if not self.training or not np.any(self.rate):
            return h
        n = h.shape[1] * h.shape[2]
        staying = kept(seeds, Stream.DROPOUT, step, self.layer, rate=self.rate, n=n)
        scale = torch.as_tensor(1 - np.asarray(self.rate)).to(h.device, h.dtype)
        return h * torch.from_numpy(staying).to(h.device).view(h.shape) / scale.view(-1, 1, 1)

    def extra_repr(self) -> str:
        """The rate, as ``nn.Dropout`` prints it."""
        return f"rate={self.rate}"


def _filled(plain: Plain, stacked: nn.Module, r: int) -> Plain:
    """A plain layer with copies of what a stacked one holds for replica ``r``."""
    state = {name: value[r] for name, value in stacked.state_dict().items()}
    plain.load_state_dict(state, strict=False)  # a count of batches has no use here
    return plain
