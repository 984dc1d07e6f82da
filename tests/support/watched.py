"""Watched trainings."""

import torch
from torch import nn
from watching_accuracy.architectures import blobs

from deltaflow import watch


def trained(
    model,
    directory,
    data=None,
    n_steps=60,
    optimizer=None,
    loss_fn=nn.functional.cross_entropy,
    batch_size=32,
    **options,
):
    """A run of a loop as anybody would write it."""
    x, y = blobs() if data is None else data
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(0)
    with watch(model, directory, **options) as flow:
        for _ in range(n_steps):
            rows = torch.randint(0, len(x), (batch_size,), generator=generator)
            loss = loss_fn(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flow.step(loss)
    return flow.run


def kinds(run):
    """The kinds of its verdicts, most important first."""
    return [verdict.kind for verdict in run.record.verdicts]
