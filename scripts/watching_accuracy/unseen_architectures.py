"""Architectures of the models on which no rule was settled, and data for them."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from watching_accuracy.architectures import Data, images


class UNet(nn.Module):
    """Down, up, and a way across; two classes for each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(16, 8, 2, stride=2), nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[batch, 2, 8, 8]``."""
        fine = torch.relu(self.fine(x))
        coarse = torch.relu(self.coarse(nn.functional.max_pool2d(fine, 2)))
        return self.out(torch.cat([fine, torch.relu(self.up(coarse))], dim=1))


class Gated(nn.Module):
    """Two layers whose units open and close those of two others."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(2, width), nn.Linear(width, 2)
        self.value, self.gate = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of points."""
        h = torch.tanh(self.enter(x))
        return self.leave(self.value(h) * torch.sigmoid(self.gate(h)))


class PostNorm(nn.Module):
    """A transformer with normalisation behind its sums, and PyTorch's own attention."""

    def __init__(self, width: int = 16, n_blocks: int = 2, n_tokens: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(n_tokens, width)
        self.place = nn.Parameter(0.1 * torch.randn(6, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 2, 32, dropout=0.0, batch_first=True)
            for _ in range(n_blocks)
        )
        self.head = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of sequences."""
        h = self.embed(tokens) + self.place
        for block in self.blocks:
            h = block(h)
        return self.head(h[:, 0])


class Autoencoder(nn.Module):
    """Twenty numbers through three and back.

    Args:
        is_cut: whether no gradient reaches the first half.
    """

    def __init__(self, is_cut: bool = False) -> None:
        super().__init__()
        self.is_cut = is_cut
        self.encoder = nn.Sequential(nn.Linear(20, 32), nn.ELU(), nn.Linear(32, 3))
        self.decoder = nn.Sequential(nn.Linear(3, 32), nn.ELU(), nn.Linear(32, 20))

    def forward(self, x: Tensor) -> Tensor:
        """What is left of the numbers."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_cut):
            code = self.encoder(x)
        return self.decoder(code)


class Mixer(nn.Module):
    """Layers across positions and across features in turn, each with a way around."""

    def __init__(self, width: int = 16, n_blocks: int = 3) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(8, width), nn.Linear(width, 2)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * n_blocks))
        self.tokens = nn.ModuleList(nn.Linear(6, 6) for _ in range(n_blocks))
        self.features = nn.ModuleList(nn.Linear(width, width) for _ in range(n_blocks))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of sequences."""
        h = self.embed(tokens)
        for at, (across, along) in enumerate(zip(self.tokens, self.features, strict=True)):
            h = h + nn.functional.gelu(across(self.norms[2 * at](h).mT)).mT
            h = h + nn.functional.silu(along(self.norms[2 * at + 1](h)))
        return self.head(h.mean(1))


class Narrow(nn.Module):
    """A block of a deep and narrow network, in front of which the size is normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.layer = nn.RMSNorm(width), nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        """``[batch, width]`` to the same."""
        return h + 0.3 * torch.tanh(self.layer(self.norm(h)))


class Sets(nn.Module):
    """Points of a set one by one, and their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Linear(2, 32), nn.SiLU(), nn.Linear(32, 32), nn.SiLU())
        self.all = nn.Sequential(nn.Linear(32, 16), nn.SiLU(), nn.Linear(16, 2))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of sets ``[batch, points, 2]``."""
        return self.all(self.each(x).mean(1))


class Sine(nn.Module):
    """φ = sin."""

    def forward(self, z: Tensor) -> Tensor:
        """The sine of z."""
        return z.sin()


def deep_narrow(n_blocks: int = 30, width: int = 8) -> nn.Sequential:
    """Thirty blocks of eight units."""
    blocks = [Narrow(width) for _ in range(n_blocks)]
    return nn.Sequential(nn.Linear(2, width), *blocks, nn.Linear(width, 2))


def separable() -> nn.Sequential:
    """Convolutions by channel and across channels, normalised in groups."""
    layers: list[nn.Module] = [nn.Conv2d(1, 16, 3, padding=1)]
    for _ in range(3):
        layers += [nn.GroupNorm(4, 16), nn.SiLU(), nn.Conv2d(16, 16, 3, padding=1, groups=16)]
        layers += [nn.Conv2d(16, 16, 1)]
    return nn.Sequential(
        *layers, nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2)
    )


def waves_net(*behind: nn.Module, phi: Callable[[], nn.Module] = nn.LeakyReLU, depth: int = 3,
              norm: bool = True) -> nn.Sequential:  # fmt: skip
    """Convolutions along a signal.

    Args:
        behind: modules behind the logits.
        phi: makes the activation.
        depth: convolutions.
        norm: whether batches are normalised.
    """
    layers: list[nn.Module] = []
    for fan_in in [1] + [8] * (depth - 1):
        layers += [
            nn.Conv1d(fan_in, 8, 5, padding=2),
            *([nn.BatchNorm1d(8)] if norm else []),
            phi(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 2), *behind)


def masks() -> Data:
    """Images, and which of their pixels are of the bar."""
    x, _ = images()
    return x, (x[:, 0] > 1.2).long()


def codes() -> Data:
    """Twenty numbers that three stand behind, and themselves."""
    generator = torch.Generator().manual_seed(5)
    mixing = torch.randn(3, 20, generator=generator) / math.sqrt(3)
    x = torch.tanh(torch.randn(256, 3, generator=generator) @ mixing)
    return x, x


def waves() -> Data:
    """Signals of one frequency or another, with noise."""
    generator = torch.Generator().manual_seed(7)
    y = torch.randint(0, 2, (256,), generator=generator)
    phase = 6.3 * torch.rand(256, 1, generator=generator)
    at = torch.arange(24) * (0.4 + 0.5 * y[:, None]) + phase
    return (at.sin() + 0.3 * torch.randn(256, 24, generator=generator))[:, None], y


def sets() -> Data:
    """Sets of five points, by whether they lie far apart."""
    generator = torch.Generator().manual_seed(9)
    y = torch.randint(0, 2, (256,), generator=generator)
    return torch.randn(256, 5, 2, generator=generator) * (0.6 + y[:, None, None]), y


def rings() -> Data:
    """Points in a ring or outside, with a target of one number between 0 and 1."""
    x = torch.randn(256, 2, generator=torch.Generator().manual_seed(11))
    return x, (x.norm(dim=1, keepdim=True) < 1.2).float()


def unscaled() -> Data:
    """Points in units a thousand times too small."""
    x, y = rings()
    return 1000 * x, y.long().squeeze(1)
