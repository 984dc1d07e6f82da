"""Watch a transformer of two blocks that says whether a sequence has more zeros than ones.

Run it with `python scripts/examples/transformer_on_a_sequence.py`.
"""

import torch
from torch import nn

from deltaflow import watch

N_STEPS, LENGTH, WIDTH, N_HEADS = 200, 9, 32, 4


class Block(nn.Module):
    """Attention and a perceptron, each with layer normalisation in front and a way around."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.middle = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.queries_keys_values, self.mix = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """``[batch, tokens, width]`` to the same."""
        heads = self.queries_keys_values(self.before(h)).unflatten(-1, (3, N_HEADS, -1))
        q, k, v = heads.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        h = h + self.mix(attended.transpose(1, 2).flatten(2))
        return h + self.down(nn.functional.gelu(self.up(self.middle(h))))


class Transformer(nn.Module):
    """Logits ``[batch, 2]`` of sequences ``[batch, tokens]`` of zeros and ones."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(2, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(Block(), Block())
        self.head = nn.Linear(WIDTH, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The mean over tokens, after both blocks, decides."""
        h = self.blocks(self.tokens(tokens) + self.places.weight)
        return self.head(h.mean(1))


def main(directory: str = "outputs/examples/transformer") -> str:
    """Train, watch, and say what was found."""
    torch.manual_seed(0)
    model = Transformer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    with watch(model, directory) as flow:
        for _ in range(N_STEPS):
            tokens = torch.randint(0, 2, (32, LENGTH))
            more_ones = (2 * tokens.sum(1) > LENGTH).long()
            loss = nn.functional.cross_entropy(model(tokens), more_ones)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            flow.step(loss)
    assert flow.run is not None
    return flow.run.record.verdicts[0].words


if __name__ == "__main__":
    print(main())
