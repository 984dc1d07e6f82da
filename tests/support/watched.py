"""Models of other people's making, and loops that train them."""

import itertools

import torch
from torch import nn

from deltaflow import watch


def chain(sizes, phi=nn.Tanh, init=None, **options):
    """Linear layers with φ between them."""
    layers = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), phi(**options)]
    model = nn.Sequential(*layers[:-1])
    if init is not None:
        for layer in model:
            if isinstance(layer, nn.Linear):
                init(layer.weight)
                nn.init.zeros_(layer.bias)
    return model


class Residual(nn.Module):
    """h + f(h), with normalisation in front of f or without."""

    def __init__(self, width, phi=nn.ReLU, norm=True):
        super().__init__()
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.first, self.second, self.phi = nn.Linear(width, width), nn.Linear(width, width), phi()

    def forward(self, h):
        return h + self.second(self.phi(self.first(self.norm(h))))


class LeNet(nn.Module):
    """As most tutorials write it: functions, and pooling in front of φ."""

    def __init__(self, n_classes=10):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 12, 3)
        self.fc1, self.fc2 = nn.Linear(12 * 2 * 2, 32), nn.Linear(32, n_classes)

    def forward(self, x):
        x = nn.functional.relu(nn.functional.max_pool2d(self.conv1(x), 2))
        x = nn.functional.relu(self.conv2(x), inplace=True)
        return self.fc2(torch.tanh(self.fc1(x.flatten(1))))


class Transformer(nn.Module):
    """Two blocks of attention by hand over a sequence of tokens, and a class for each sample."""

    def __init__(self, width=16, n_blocks=2, n_classes=2, n_tokens=8):
        super().__init__()
        self.embed = nn.Embedding(n_tokens, width)
        self.blocks = nn.ModuleList(
            nn.ModuleDict(
                {
                    "before": nn.LayerNorm(width),
                    "qkv": nn.Linear(width, 3 * width),
                    "out": nn.Linear(width, width),
                    "middle": nn.LayerNorm(width),
                    "up": nn.Linear(width, 4 * width),
                    "down": nn.Linear(4 * width, width),
                }
            )
            for _ in range(n_blocks)
        )
        self.head = nn.Linear(width, n_classes)

    def forward(self, tokens):
        h = self.embed(tokens)
        for block in self.blocks:
            q, k, v = block["qkv"](block["before"](h)).chunk(3, dim=-1)
            h = h + block["out"](nn.functional.scaled_dot_product_attention(q, k, v))
            h = h + block["down"](nn.functional.gelu(block["up"](block["middle"](h))))
        return self.head(h.mean(1))


def blobs(n=256, n_features=2, n_classes=2, seed=0):
    """Points of classes that a line tells apart."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, n_classes, (n,), generator=generator)
    centres = 2 * torch.randn(n_classes, n_features, generator=generator)
    return centres[y] + 0.5 * torch.randn(n, n_features, generator=generator), y


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
