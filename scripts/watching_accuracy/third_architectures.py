"""Architectures of the third set of models."""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional


class Around(nn.Module):
    """φ(branch(h) + way(h)), as a block of a residual network."""

    def __init__(self, branch: nn.Module, way: nn.Module, phi: nn.Module) -> None:
        super().__init__()
        self.branch, self.way, self.phi = branch, way, phi

    def forward(self, h: Tensor) -> Tensor:
        """``[batch, …]`` to what the branch makes of it."""
        return self.phi(self.branch(h) + self.way(h))


class Dense(nn.Module):
    """Layers that are each fed what all before them gave."""

    def __init__(self, n_features: int, growth: int = 12, depth: int = 5) -> None:
        super().__init__()
        fans = [n_features + at * growth for at in range(depth + 1)]
        self.layers = nn.ModuleList(nn.Linear(fan, growth) for fan in fans[:-1])
        self.out = nn.Linear(fans[-1], 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of two classes."""
        for layer in self.layers:
            x = torch.cat([x, functional.relu(layer(x))], dim=1)
        return self.out(x)


class PostNormLanguage(nn.Module):
    """A causal transformer with normalisation behind its sums, which predicts the next token."""

    def __init__(self, n_tokens: int = 12, width: int = 24, n_blocks: int = 2) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(n_tokens, width), nn.Embedding(16, width)
        self.qkv = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(n_blocks))
        self.mix = nn.ModuleList(nn.Linear(width, width) for _ in range(n_blocks))
        self.wide = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(n_blocks))
        self.back = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(n_blocks))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 * n_blocks))
        self.head = nn.Linear(width, n_tokens)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits ``[batch, tokens, vocabulary]``."""
        h = self.embed(tokens) + self.place(torch.arange(tokens.shape[1]))
        for at, qkv in enumerate(self.qkv):
            q, k, v = (x.unflatten(-1, (2, -1)).transpose(1, 2) for x in qkv(h).chunk(3, -1))
            mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            h = self.norms[2 * at](h + self.mix[at](mixed.transpose(1, 2).flatten(2)))
            h = self.norms[2 * at + 1](h + self.back[at](functional.relu(self.wide[at](h))))
        return self.head(h)


class PreNorm(nn.Module):
    """PyTorch's own transformer, with normalisation in front of its branches."""

    def __init__(self, n_tokens: int = 12, width: int = 16) -> None:
        super().__init__()
        self.embed = nn.Embedding(n_tokens, width)
        layer = nn.TransformerEncoderLayer(
            width, 4, 32, 0.1, nn.functional.gelu, batch_first=True, norm_first=True
        )
        self.body = nn.TransformerEncoder(layer, 3, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of sequences."""
        return self.head(self.body(self.embed(tokens)).amax(1))


class ViT(nn.Module):
    """Patches of an image, a token for the class, attention.

    Args:
        behind: module behind the logits.
    """

    def __init__(self, behind: nn.Module | None = None, width: int = 24, n_blocks: int = 2) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 2, stride=2)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.place = nn.Parameter(0.02 * torch.randn(1, 17, width))
        self.first = nn.ModuleList(nn.LayerNorm(width) for _ in range(n_blocks))
        self.attend = nn.ModuleList(
            nn.MultiheadAttention(width, 3, batch_first=True) for _ in range(n_blocks)
        )
        self.mlps = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 48), nn.GELU(), nn.Linear(48, width)
            )
            for _ in range(n_blocks)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)
        self.behind = behind or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images ``[batch, 1, 8, 8]``."""
        h = self.patches(x).flatten(2).mT
        h = torch.cat([self.token.expand(len(h), -1, -1), h], dim=1) + self.place
        for first, attend, mlp in zip(self.first, self.attend, self.mlps, strict=True):
            n = first(h)
            h = h + attend(n, n, n, need_weights=False)[0]
            h = h + mlp(h)
        return self.behind(self.head(self.norm(h[:, 0])))


class Causal(nn.Module):
    """Convolutions along a signal, each wider than the one before, that see no future."""

    def __init__(self, width: int = 16, depth: int = 4) -> None:
        super().__init__()
        self.enter, self.leave = nn.Conv1d(1, width, 1), nn.Conv1d(width, 1, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 2, dilation=2**at) for at in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The next value at each place of ``[batch, 1, T]``."""
        h = self.enter(x)
        for at, layer in enumerate(self.layers):
            past = functional.pad(h, (2**at, 0))
            h = h + functional.leaky_relu(layer(past), 0.1)
        return self.leave(h)


class TwoTowers(nn.Module):
    """A perceptron for users and one for items, and the product of what they give."""

    def __init__(self, n: int = 40, width: int = 16) -> None:
        super().__init__()
        self.users, self.items = (
            nn.Sequential(
                nn.Embedding(n, width), nn.Linear(width, 32), nn.SiLU(), nn.Linear(32, width)
            )
            for _ in range(2)
        )

    def forward(self, pair: Tensor) -> Tensor:
        """Logits of pairs ``[batch, 2]``."""
        return (self.users(pair[:, 0]) * self.items(pair[:, 1])).sum(1)


class GraphNet(nn.Module):
    """Layers on the nodes of a ring, each of which is fed the mean over its neighbours."""

    ring: Tensor

    def __init__(self, n_features: int = 3, width: int = 24) -> None:
        super().__init__()
        ring = torch.eye(10) + torch.eye(10).roll(1, 0) + torch.eye(10).roll(-1, 0)
        self.register_buffer("ring", ring / 3)
        self.layers = nn.ModuleList(nn.Linear(fan, width) for fan in (n_features, width, width))
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of graphs ``[batch, 10, features]``."""
        for layer in self.layers:
            x = functional.elu(layer(self.ring @ x))
        return self.head(x.mean(1))


class Excited(nn.Module):
    """A convolution of each channel alone, and a factor for each by what is in all of them."""

    def __init__(self, n: int = 16) -> None:
        super().__init__()
        self.spread, self.norm = nn.Conv2d(n, n, 3, padding=1, groups=n), nn.BatchNorm2d(n)
        self.squeeze, self.excite, self.mix = nn.Linear(n, 4), nn.Linear(4, n), nn.Conv2d(n, n, 1)

    def forward(self, h: Tensor) -> Tensor:
        """``[batch, n, 8, 8]`` to the same."""
        inner = functional.hardswish(self.norm(self.spread(h)))
        factor = functional.hardsigmoid(
            self.excite(functional.relu(self.squeeze(inner.mean((2, 3)))))
        )
        return h + self.mix(inner * factor[:, :, None, None])


def basic_block(fan_in: int, fan_out: int, stride: int = 1) -> Around:
    """As in residual networks for images."""
    same = fan_in == fan_out and stride == 1
    branch = nn.Sequential(
        nn.Conv2d(fan_in, fan_out, 3, stride, 1, bias=False), nn.BatchNorm2d(fan_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(fan_out, fan_out, 3, 1, 1, bias=False), nn.BatchNorm2d(fan_out),
    )  # fmt: skip
    way = nn.Identity() if same else nn.Sequential(
        nn.Conv2d(fan_in, fan_out, 1, stride, bias=False), nn.BatchNorm2d(fan_out)
    )  # fmt: skip
    return Around(branch, way, nn.ReLU(inplace=True))


def resnet() -> nn.Sequential:
    """Four blocks over images of 8 × 8."""
    stem = nn.Conv2d(1, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU(inplace=True)
    blocks = (basic_block(12, 12), basic_block(12, 24, 2), basic_block(24, 24), basic_block(24, 24))
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10))


def mobile(n: int = 16) -> nn.Sequential:
    """Three blocks whose channels are excited."""
    ends = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, 10)
    return nn.Sequential(nn.Conv2d(1, n, 3, padding=1), *(Excited(n) for _ in range(3)), *ends)


def with_batch_norm(*sizes: int) -> nn.Sequential:
    """A perceptron with normalisation in front of ReLU."""
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in itertools.pairwise(sizes[:-1]):
        layers += [nn.Linear(fan_in, fan_out), nn.BatchNorm1d(fan_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def picture_autoencoder() -> nn.Sequential:
    """Images through sixteen numbers and back, with a sigmoid at the end."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(64, 16), nn.Linear(16, 64), nn.ReLU(), nn.Unflatten(1, (16, 2, 2)),
        nn.ConvTranspose2d(16, 8, 2, 2), nn.ReLU(), nn.ConvTranspose2d(8, 1, 2, 2), nn.Sigmoid(),
    )  # fmt: skip
