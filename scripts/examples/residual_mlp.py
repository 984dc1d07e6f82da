"""Hold forty residual blocks, with layer normalisation in front and without, beside a plain chain.

Run it with `python scripts/examples/residual_mlp.py`.

A chain of eighty layers as PyTorch draws them loses all of δ; the same layers with a way around
them do not.
"""

import torch
from torch import nn

from deltaflow import check

N_BLOCKS, WIDTH = 40, 64


class Block(nn.Module):
    """Two linear layers, with h + f(h) or f(h) alone."""

    def __init__(self, is_residual: bool, norm: bool) -> None:
        super().__init__()
        self.is_residual = is_residual
        self.norm = nn.LayerNorm(WIDTH) if norm else nn.Identity()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """``[batch, width]`` to the same."""
        f: torch.Tensor = self.second(self.first(self.norm(h)).relu())
        return h + f if self.is_residual else f.relu()


def main() -> dict[str, str]:
    """What the first step says of each of the three."""
    torch.manual_seed(0)
    batch = torch.randn(64, 10), torch.randint(0, 3, (64,))
    models = {
        "chain": [Block(is_residual=False, norm=False) for _ in range(N_BLOCKS)],
        "residual": [Block(is_residual=True, norm=False) for _ in range(N_BLOCKS)],
        "residual, normalised": [Block(is_residual=True, norm=True) for _ in range(N_BLOCKS)],
    }
    return {
        name: str(
            check(
                nn.Sequential(nn.Linear(10, WIDTH), *blocks, nn.Linear(WIDTH, 3)),
                batch,
                nn.functional.cross_entropy,
            )
        )
        for name, blocks in models.items()
    }


if __name__ == "__main__":
    for name, words in main().items():
        print(f"{name}: {words}")
