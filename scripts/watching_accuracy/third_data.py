"""Data of the third set of models, most of it from scikit-learn."""

import torch
from sklearn import datasets

from watching_accuracy.architectures import Data


def digits() -> Data:
    """Images of digits, from 0 to 1."""
    of = datasets.load_digits()
    return torch.tensor(of.images / 16, dtype=torch.float32)[:, None], torch.tensor(of.target)


def pictures() -> Data:
    """The same images as inputs and targets."""
    x, _ = digits()
    return x, x


def tumours(is_scaled: bool = True) -> Data:
    """Thirty numbers of tumours, and two classes."""
    of = datasets.load_breast_cancer()
    x = torch.tensor(of.data, dtype=torch.float32)
    return (x - x.mean(0)) / x.std(0) if is_scaled else x, torch.tensor(of.target)


def diabetes(is_scaled: bool = True) -> Data:
    """Ten numbers of patients, and how their illness went on a year later."""
    of = datasets.load_diabetes()
    x, y = (torch.tensor(a, dtype=torch.float32) for a in (of.data, of.target[:, None]))
    return x / x.std(0), (y - y.mean()) / y.std() if is_scaled else y


def language() -> Data:
    """Sequences that count up or down by a step, modulo 12, and what comes next at each place."""
    generator = torch.Generator().manual_seed(21)
    start, step = (torch.randint(0, 12, (400, 1), generator=generator) for _ in range(2))
    tokens = (start + step * torch.arange(11)) % 12
    return tokens[:, :-1], tokens[:, 1:]


def contains() -> Data:
    """Ten tokens of twelve, by whether the last of the twelve is among them."""
    tokens = torch.randint(0, 12, (400, 10), generator=torch.Generator().manual_seed(22))
    return tokens, (tokens == 11).any(1).long()


def signals() -> Data:
    """Noisy oscillations that die away, and the same one place later."""
    generator = torch.Generator().manual_seed(23)
    at = torch.arange(25) * (0.2 + torch.rand(300, 1, generator=generator))
    x = (at + 6 * torch.rand(300, 1, generator=generator)).sin() * 0.97 ** torch.arange(25)
    x = (x + 0.05 * torch.randn(300, 25, generator=generator))[:, None]
    return x[..., :-1], x[..., 1:]


def likes() -> Data:
    """Pairs of forty users and forty items, by whether they are of one half."""
    pair = torch.randint(0, 40, (1000, 2), generator=torch.Generator().manual_seed(24))
    return pair, ((pair[:, 0] < 20) == (pair[:, 1] < 20)).float()


def rings_of_nodes() -> Data:
    """Rings of ten nodes, by whether neighbours are alike."""
    generator = torch.Generator().manual_seed(25)
    y = torch.randint(0, 2, (400,), generator=generator)
    x = torch.randn(400, 10, 3, generator=generator)
    alike = (x + x.roll(1, 1) + x.roll(2, 1)) / 3**0.5
    return torch.where(y[:, None, None] == 1, alike, x), y
