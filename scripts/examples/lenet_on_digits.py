"""Watch a convolutional network as LeNet on handwritten digits of 8 × 8 pixels.

Run it with `python scripts/examples/lenet_on_digits.py`.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

from deltaflow import watch

N_EPOCHS = 4


class LeNet(nn.Module):
    """Two convolutions with pooling, and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.hidden, self.output = nn.Linear(16 * 2 * 2, 64), nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, 10]`` of images ``[batch, 1, 8, 8]``."""
        x = nn.functional.relu(nn.functional.max_pool2d(self.conv1(x), 2))
        x = nn.functional.relu(nn.functional.max_pool2d(self.conv2(x), 2))
        return self.output(torch.tanh(self.hidden(x.flatten(1))))


def main(directory: str = "outputs/examples/lenet") -> str:
    """Train, watch, and say what was found."""
    torch.manual_seed(0)
    pixels, digits = load_digits(return_X_y=True)
    x = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 8 - 1
    y = torch.tensor(digits)
    train, validation = torch.randperm(len(x)).split([1400, len(x) - 1400])
    model = LeNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    with watch(model, directory) as flow:
        for _ in range(N_EPOCHS):
            for rows in train[torch.randperm(len(train))].split(32):
                loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                flow.step(loss)
            with torch.no_grad():
                logits = model(x[validation])
            flow.end_epoch(
                loss=float(nn.functional.cross_entropy(logits, y[validation])),
                accuracy=float((logits.argmax(1) == y[validation]).float().mean()),
            )
    assert flow.run is not None
    return flow.run.record.verdicts[0].words


if __name__ == "__main__":
    print(main())
