"""What the networks of a claim's runs do with their data, where the records do not say it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from claims.runs import BySeed, Number, Runs
from deltaflow import assemble


def data_of(runs: Runs) -> Any:
    """The data of a run, split and standardised."""
    return assemble(runs.runs[0].record.overrides)[0]


def network_of(runs: Runs, at: str) -> Any:
    """The networks of a run, at the ``start`` or the ``end`` of its training."""
    (run,) = runs.runs
    return run.network if at == "end" else assemble(run.record.overrides)[1]


def logits_on_test(runs: Runs, at: str) -> tuple[Tensor, Tensor]:
    """Logits of the test rows, ``[R, rows, classes]``, and their classes, ``[R, rows]``."""
    x, y = next(iter(data_of(runs).test_dataloader()))
    with torch.no_grad():
        return network_of(runs, at)(x).double(), y


def of_hidden_layers(what: Callable[[Tensor, Tensor], Tensor], at: str) -> Number:
    """A number of each hidden layer on the training rows, averaged over the layers.

    Args:
        what: from z and h, ``[R, rows, units]`` each, to ``[R]``.
        at: ``start`` or ``end``.
    """

    def number(runs: Runs) -> BySeed:
        network, data = network_of(runs, at), data_of(runs)
        h, found = data.probe(data.n_rows[0]), []
        with torch.no_grad():
            for linear, activation in zip(network.layers, network.activations, strict=False):
                z = linear(h)
                h = activation(z)
                found.append(what(z, h))
        return runs.by_seed(torch.stack(found).double().mean(0))

    return number


def off_everywhere(z: Tensor, _: Tensor) -> Tensor:
    """The share of units whose z is not above 0 for any row, ``[R]``."""
    return (z <= 0).all(dim=1).double().mean(1)


def imbalance(_: Tensor, h: Tensor) -> Tensor:
    """How much of a unit's activation is its mean: |mean| / RMS over rows, averaged over units.

    Returns:
        ``[R]``, 0 where every unit is centred, 1 where none varies; units that are always 0 do
        not count.

    >>> h = torch.tensor([[[1.0, 1.0], [1.0, -1.0]]])
    >>> imbalance(h, h)
    tensor([0.5000])
    """
    return (h.mean(1).abs() / h.square().mean(1).sqrt()).nanmean(-1)


def attenuation(at: str) -> Number:
    """By how many decades a softmax in front of cross-entropy makes δ at the output smaller.

    Both gradients are those of the same networks on the test rows.

    Args:
        at: ``start`` or ``end`` of the training, which was without that softmax.
    """

    def number(runs: Runs) -> BySeed:
        logits, y = logits_on_test(runs, at)
        return runs.by_seed((delta_rms(logits, y, 1) / delta_rms(logits, y, 2)).log10())

    return number


def delta_rms(logits: Tensor, y: Tensor, n_softmax: int) -> Tensor:
    """RMS of the gradient of cross-entropy by the logits, ``[R]``.

    Args:
        logits: ``[R, rows, classes]``.
        y: classes, ``[R, rows]``.
        n_softmax: 1 for that inside cross-entropy alone, 2 for another one in front of it.
    """
    z = logits.clone().requires_grad_()
    output = z.softmax(-1) if n_softmax == 2 else z
    cross_entropy(output.flatten(0, 1), y.flatten(), reduction="sum").backward()
    assert z.grad is not None
    return z.grad.square().mean((1, 2)).sqrt()


def exaggeration(temperature: float) -> Number:
    """How much wider apart softmax puts the first two classes of test rows, at a temperature."""

    def number(runs: Runs) -> BySeed:
        return runs.by_seed(gap_gained(logits_on_test(runs, "end")[0] / temperature))

    return number


def gap_gained(logits: Tensor) -> Tensor:
    """The gap of the two largest probabilities minus that of the logits, as shares of their range.

    The logits z are compared as shares of their range, which have no scale: (z₁ − z₂)/(z₁ − z_K)
    beside p₁ − p₂, z₁ ≥ z₂ ≥ … ≥ z_K those of one row, averaged over the rows.

    Args:
        logits: ``[R, rows, classes]``, at least 3 classes.

    Returns:
        ``[R]``, −1 to 1.

    >>> gap_gained(torch.tensor([[[0.0, 1.0, 2.0]], [[0.0, 10.0, 20.0]]])).round(decimals=2)
    tensor([-0.0800,  0.5000])
    """
    z = logits.sort(-1, descending=True)[0]
    p = z.softmax(-1)
    ranges = (z[..., 0] - z[..., -1]).clamp(min=torch.finfo(z.dtype).tiny)
    return (p[..., 0] - p[..., 1] - (z[..., 0] - z[..., 1]) / ranges).mean(-1)
