"""The gradient-flow kernels: tensors in, tensors out.

δ is ∂(loss of one sample)/∂z of one layer, ``[R, B, N]``: R replicas, B samples, N units;
h, the input of that layer, ``[R, B, fan_in]``; G, the weight gradient of the batch-mean
loss, ``[R, fan_out, fan_in]``. A kernel reduces all but the replica axis and returns
``[R]``, unless it says otherwise. Nothing here knows Lightning or Hydra.

An entry that is not finite affects only the result of its own replica.

>>> delta = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]])
>>> rms(sample_norms(delta))  # √((5² + 0²) / 2), the norm of δ
tensor([3.5355], dtype=torch.float64)
"""

import math
from typing import TypeVar

import torch
from torch import Tensor

from deltaflow.nn.activations import SATURATED
from deltaflow.system.errors import UserError

_N = TypeVar("_N", float, Tensor)


def rms(x: Tensor) -> Tensor:
    """Root mean square over all entries of a replica, in the unit of ``x``.

    Args:
        x: ``[R, ...]``.

    Returns:
        ``[R]``, in double precision.
    """
    return frobenius(x) / math.sqrt(max(x[0].numel(), 1))


def frobenius(x: Tensor) -> Tensor:
    """Frobenius norm of each replica's entries, in the unit of ``x``.

    Args:
        x: ``[R, ...]``, on a device that has float64.

    Returns:
        ``[R]``, in double precision, where the squares of tiny gradients do not underflow.
    """
    return _norms(x, first_dim=1)


def sample_norms(x: Tensor) -> Tensor:
    """Norm of each sample's entries, in the unit of ``x``.

    Of δ, their RMS over samples is √N times the RMS over entries. In the mean-field limit it
    changes from layer to layer by √χ alone, whatever the widths (Schoenholz et al. 2017,
    arXiv:1611.01232).

    Args:
        x: ``[R, B, N]``, on a device that has float64.

    Returns:
        ``[R, B]``, in double precision.
    """
    return _norms(x, first_dim=2)


def sample_gradient_second_moment(delta_norms: Tensor, h_norms: Tensor) -> Tensor:
    """S, the mean over samples of ‖g_b‖², where g_b is the weight gradient of sample b.

    A linear layer's per-sample gradient is the outer product δ_b h_bᵀ, so its Frobenius
    norm is ‖δ_b‖·‖h_b‖ and no further backward pass is needed (Goodfellow 2015,
    arXiv:1510.01799).

    Args:
        delta_norms: ‖δ_b‖ of each sample, δ_b = ∂(sample loss)/∂z, ``[..., B]``.
        h_norms: ‖h_b‖ of the layer's input, ``[..., B]``.

    Returns:
        ``[...]``, squared loss per squared unit of weight.
    """
    return (delta_norms * h_norms).square().mean(-1)


def sample_grad_rms(second_moment: Tensor, n_weights: int | Tensor) -> Tensor:
    """RMS over entries and samples of the per-sample weight gradients.

    Args:
        second_moment: S of :func:`sample_gradient_second_moment`, ``[R]``.
        n_weights: fan_in · fan_out of the layer.

    Returns:
        ``[R]``, loss per unit of weight.
    """
    return (second_moment / n_weights).sqrt()


def gradient_noise(second_moment: _N, norm: _N, n_samples: int) -> tuple[_N, _N]:
    """Trace of the gradient's covariance over samples, and its unbiased squared mean.

    With S = mean ‖g_b‖² and G the batch gradient, trΣ = B(S − ‖G‖²)/(B − 1) and
    |G|² = (B‖G‖² − S)/(B − 1), which may be negative (McCandlish et al. 2018,
    arXiv:1812.06162, appendix A.1 with batch sizes 1 and B).

    Args:
        second_moment: S, ``[R]`` or a number.
        norm: ‖G‖, of the same kind.
        n_samples: B, at least 2.

    Returns:
        trΣ and |G|² of that kind, squared loss per squared unit of weight.

    Raises:
        ValueError: if B is below 2.
    """
    if n_samples < 2:
        raise UserError(
            f"Gradient noise needs at least 2 samples. Found {n_samples}. Use a larger batch."
        )
    squared_norm = norm * norm
    trace = n_samples * (second_moment - squared_norm) / (n_samples - 1)
    signal = (n_samples * squared_norm - second_moment) / (n_samples - 1)
    return trace, signal


def update_ratio(change: Tensor, weight_rms: Tensor) -> Tensor:
    """‖ΔW‖_F / ‖W‖_F of one step, where W are the weights before it. No unit.

    Args:
        change: ΔW, ``[R, fan_out, fan_in]``; its sign does not matter.
        weight_rms: RMS of the entries of W, ``[R]``.

    Returns:
        ``[R]``; not finite where W was 0.
    """
    return rms(change) / weight_rms


def moments(x: Tensor, overwrite: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, standard deviation (of the entries, not an estimate) and mean square.

    Args:
        x: ``[R, B, N]``.
        overwrite: whether ``x`` may be overwritten, which saves memory for x − mean.

    Returns:
        ``[R]`` each.
    """
    flat = x.flatten(1)
    mean = flat.mean(1)
    std = rms(torch.sub(flat, mean.unsqueeze(1), out=flat if overwrite else None))
    return mean, std, mean.square() + std.square()


def saturated_fraction(
    slope: Tensor, z: Tensor, steepest: float, live: tuple[float, float] | None
) -> Tensor:
    """Share of saturated entries: far out, |φ'| is below a twentieth of its maximum.

    Args:
        slope: φ'(z), ``[R, B, N]``.
        z: the input of φ, ``[R, B, N]``.
        steepest: max |φ'|.
        live: bounds between which no entry counts as saturated, however small φ' is; ``None``
            for a φ whose slope is that small only far out.

    Returns:
        ``[R]``, 0 to 1; NaN for a replica with a slope that is NaN.
    """
    low = slope.abs()
    hits = torch.lt(low, SATURATED * steepest, out=low)  # 0 and 1 in that type: 5 times faster
    if live is not None:
        lower, upper = live
        hits *= (z < lower) | (z > upper)
    return _share(hits, slope)


def inactive_fraction(slope: Tensor) -> Tensor:
    """Share of entries with φ'(z) = 0, through which no gradient flows back.

    Args:
        slope: φ'(z) of a φ with a flat part, ``[R, B, N]``.

    Returns:
        ``[R]``, 0 to 1; NaN for a replica with a slope that is NaN.
    """
    return _share(torch.eq(slope, 0, out=torch.empty_like(slope)), slope)


def dead_fraction(slope: Tensor) -> Tensor:
    """Share of units with φ'(z) = 0 on every sample.

    Args:
        slope: φ'(z) of a φ with a flat part on the probe set, ``[R, B, N]``.

    Returns:
        ``[R]``, 0 to 1; NaN for a replica with a slope that is NaN.
    """
    return _share((slope == 0).all(1).to(slope.dtype), slope)


def distinct_units(weight: Tensor, bias: Tensor, outgoing: Tensor) -> Tensor:
    """The number of units of a layer that differ in their incoming or outgoing weights.

    Args:
        weight: the layer's weight, ``[R, N, fan_in]``.
        bias: the layer's bias, ``[R, N]``.
        outgoing: the next layer's weight, ``[R, fan_out, N]``.

    Returns:
        ``[R]``, whole numbers from 1 to N.
    """
    every = torch.cat([weight, bias.unsqueeze(-1), outgoing.transpose(1, 2)], dim=-1)
    return torch.tensor([len(units.unique(dim=0)) for units in every])


def effective_rank(h: Tensor) -> Tensor:
    """The effective number of directions over which the samples' activations spread.

    It is the exponential of the entropy of the singular values as shares of their sum: k if k of
    them are equal and the others are 0 (Roy & Vetterli 2007, definition 1).

    Args:
        h: a layer's activations, ``[R, B, N]``, not centred.

    Returns:
        ``[R]``, 1 to min(B, N); 0 where all activations are 0, NaN where one is not finite.

    >>> effective_rank(torch.eye(3).expand(1, 3, 3)).round(decimals=4)
    tensor([3.])
    """
    finite = h.isfinite().flatten(1).all(1)
    values = torch.linalg.svdvals(h.nan_to_num(0, 0, 0))
    shares = values / values.sum(1, keepdim=True)
    rank = torch.special.entr(shares).sum(1).exp()
    rank = torch.where(values[:, 0] > 0, rank, 0)
    return torch.where(finite, rank, torch.nan)


def _norms(x: Tensor, first_dim: int) -> Tensor:
    dims = tuple(range(first_dim, x.ndim))
    norms: Tensor = torch.linalg.vector_norm(x, dim=dims, dtype=torch.float64)
    return norms


def _share(hits: Tensor, slope: Tensor) -> Tensor:
    share = hits.flatten(1).sum(1) / max(hits[0].numel(), 1)
    return torch.where(slope.flatten(1).amax(1).isnan(), torch.nan, share)
