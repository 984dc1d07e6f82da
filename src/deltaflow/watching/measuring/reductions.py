"""Reductions of tensors to numbers, fast for small tensors.

On a CPU the results are numbers. Norms are computed in single precision, and again in double if
squares might underflow or overflow. On an accelerator the results are tensors in double precision,
so that nothing waits for it before :func:`fetched`.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from deltaflow.flow import kernels
from deltaflow.flow.measurement import exact

Number = float | Tensor
Values = dict[str, Number]
"""Columns of the layers table, of one layer; those that do not apply are left out."""

_SAFE = 1e-12, 1e15  # range of norms whose squares single precision can hold
_LONG = 2**16  # entries whose squares single precision sums with a relative error of 1e-6
_CONSTANT = 1e-9  # share of the mean square below which the variance is computed in two passes


def plain(x: Tensor) -> Tensor:
    """Detach ``x``, and convert it to single precision if its precision is lower."""
    x = x.detach()
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def is_fast(x: Tensor) -> bool:
    """Whether the numbers of a tensor can be read without waiting for an accelerator."""
    return x.is_cpu


def row_lengths(x: Tensor) -> Tensor:
    """Euclidean norm of each row, ``[rows]``; the first axis counts rows."""
    rows = x.flatten(1) if x.dim() > 1 else x[:, None]
    dtype = torch.float64 if rows.shape[1] > _LONG else None
    lengths: Tensor = torch.linalg.vector_norm(rows, dim=1, dtype=dtype)
    return lengths


def length(x: Tensor) -> Number:
    """Euclidean norm of all entries."""
    if not is_fast(x):
        return kernels.frobenius(exact(x)[None])[0]
    x = plain(x)
    norm = float(torch.linalg.vector_norm(row_lengths(x) if x.numel() > _LONG else x))
    return norm if _SAFE[0] < norm < _SAFE[1] else float(torch.linalg.vector_norm(x.double()))


def precise_enough(x: Tensor) -> Tensor:
    """Convert ``x`` to a precision that holds the squares of its entries."""
    if not is_fast(x):
        return exact(x)
    x = plain(x)
    norm = float(torch.linalg.vector_norm(x))
    return x if _SAFE[0] < norm < _SAFE[1] else x.double()


def moments(x: Tensor) -> tuple[Number, Number, Number]:
    """Mean, standard deviation (without Bessel's correction) and mean square of all entries."""
    x = exact(x)
    if not is_fast(x):
        one, two, three = kernels.moments(x[None])
        return one[0], two[0], three[0]
    entries = x.reshape(-1).numpy()
    if not len(entries):
        return math.nan, math.nan, math.nan
    with np.errstate(all="ignore"):
        n = len(entries)
        mean, second = float(entries.sum()) / n, float(entries.dot(entries)) / n
        variance = second - mean * mean
        if variance < _CONSTANT * second:
            variance = float(((entries - mean) ** 2).mean())
    return mean, math.sqrt(variance), second


def ratio(part: Number, whole: Number) -> Number:
    """The quotient; NaN if ``whole`` is 0."""
    return part / whole if isinstance(whole, Tensor) or whole else math.nan


def share(hits: Tensor) -> Number:
    """Share of entries that are not 0."""
    count = torch.count_nonzero(hits)
    return (float(count) if is_fast(hits) else exact(count)) / max(hits.numel(), 1)


def fetched(layers: Sequence[Values]) -> list[dict[str, float]]:
    """Convert values to numbers, with a single transfer from an accelerator."""
    waiting = [value for values in layers for value in values.values() if isinstance(value, Tensor)]
    if not waiting:
        return [*layers]  # type: ignore[list-item]
    known = iter(torch.stack([x.reshape(()).to(waiting[0]) for x in waiting]).tolist())
    return [
        {name: next(known) if isinstance(x, Tensor) else x for name, x in values.items()}
        for values in layers
    ]
