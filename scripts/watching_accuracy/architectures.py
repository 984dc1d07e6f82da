"""Small models of the kinds that people write, and data for them."""

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn

Data = tuple[Tensor, Tensor]


def chain(
    sizes: list[int],
    phi: Callable[[], nn.Module] = nn.Tanh,
    init: Callable[[Tensor], object] | None = None,
) -> nn.Sequential:
    """Linear layers with φ between them.

    Args:
        sizes: units of the input and of each layer.
        phi: makes the activation.
        init: draws a weight in place, with biases of 0; ``None`` for what PyTorch does.
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        if init is not None:
            init(linear.weight)
            nn.init.zeros_(linear.bias)
        layers += [linear, phi()]
    return nn.Sequential(*layers[:-1])


def filled(model: nn.Module, names: str | tuple[str, ...], value: float) -> nn.Module:
    """The model with the parameters whose names end so set to a value."""
    for name, parameter in model.named_parameters():
        if name.endswith(names):
            nn.init.constant_(parameter, value)
    return model


class Residual(nn.Module):
    """h + f(h), with normalisation in front of f or without."""

    def __init__(self, width: int, phi: Callable[[], nn.Module] = nn.ReLU, norm: bool = True):
        super().__init__()
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.first, self.second, self.phi = nn.Linear(width, width), nn.Linear(width, width), phi()

    def forward(self, h: Tensor) -> Tensor:
        """``[batch, width]`` to the same."""
        return h + self.second(self.phi(self.first(self.norm(h))))


class LeNet(nn.Module):
    """As most tutorials write it: functions, and pooling in front of φ."""

    def __init__(self, n_classes: int = 10):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 12, 3)
        self.fc1, self.fc2 = nn.Linear(12 * 2 * 2, 32), nn.Linear(32, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images ``[batch, 1, 8, 8]``."""
        x = nn.functional.relu(nn.functional.max_pool2d(self.conv1(x), 2))
        x = nn.functional.relu(self.conv2(x), inplace=True)
        return self.fc2(torch.tanh(self.fc1(x.flatten(1))))


class Block(nn.Module):
    """Attention by hand and a perceptron, each with a way around."""

    def __init__(self, width: int):
        super().__init__()
        self.before, self.middle = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, h: Tensor) -> Tensor:
        """``[batch, tokens, width]`` to the same."""
        q, k, v = self.qkv(self.before(h)).chunk(3, dim=-1)
        h = h + self.out(nn.functional.scaled_dot_product_attention(q, k, v))
        return h + self.down(nn.functional.gelu(self.up(self.middle(h))))


class Transformer(nn.Module):
    """Two blocks over a sequence of tokens, and a class for each sample."""

    def __init__(self, width: int = 16, n_blocks: int = 2, n_classes: int = 2, n_tokens: int = 8):
        super().__init__()
        self.embed = nn.Embedding(n_tokens, width)
        self.blocks = nn.Sequential(*[Block(width) for _ in range(n_blocks)])
        self.head = nn.Linear(width, n_classes)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of sequences ``[batch, tokens]``."""
        return self.head(self.blocks(self.embed(tokens)).mean(1))


class Detached(nn.Module):
    """A body that no gradient reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = chain([2, 32, 32]), nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of points."""
        return self.head(self.body(x).detach().relu())


def residual(n_blocks: int = 12, is_identity: bool = False) -> nn.Sequential:
    """Residual blocks, which start as the identity if asked for."""
    blocks = [Residual(16) for _ in range(n_blocks)]
    if is_identity:
        for block in blocks:
            nn.init.zeros_(block.second.weight)
    return nn.Sequential(nn.Linear(2, 16), *blocks, nn.Linear(16, 2))


def cnn(depth: int = 6, norm: bool = True) -> nn.Sequential:
    """Convolutions of eight channels, φ in place."""
    layers: list[nn.Module] = [nn.Conv2d(1, 8, 3, padding=1)]
    for _ in range(depth - 1):
        layers += [nn.BatchNorm2d(8) if norm else nn.Identity(), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(8, 8, 3, padding=1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))


def blobs(n: int = 256, n_features: int = 2, n_classes: int = 2, seed: int = 0) -> Data:
    """Points of classes that a line tells apart."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, n_classes, (n,), generator=generator)
    centres = 2 * torch.randn(n_classes, n_features, generator=generator)
    return centres[y] + 0.5 * torch.randn(n, n_features, generator=generator), y


def xor() -> Data:
    """Points of the plane, by the sign of the product of their coordinates."""
    x = torch.randn(256, 2, generator=torch.Generator().manual_seed(3))
    return x, (x[:, 0] * x[:, 1] > 0).long()


def images() -> Data:
    """Bars that lie or stand in images of 8 × 8, with noise."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 2, (256,), generator=generator)
    x = 0.3 * torch.randn(256, 1, 8, 8, generator=generator)
    for image, label in zip(x, y, strict=True):
        at = int(torch.randint(0, 8, (1,), generator=generator))
        image[0, at] += 2 * label
        image[0, :, at] += 2 * (1 - label)
    return x, y


def sequences() -> Data:
    """Six tokens of eight, by whether the first is in the upper half."""
    tokens = torch.randint(0, 8, (256, 6), generator=torch.Generator().manual_seed(0))
    return tokens, (tokens[:, 0] > 3).long()


def sine() -> Data:
    """A regression."""
    x = 3 * torch.randn(256, 1, generator=torch.Generator().manual_seed(0))
    return x, x.sin()
