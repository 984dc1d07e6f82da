"""Watch a LightningModule: two lines more than without.

Run it with `python scripts/examples/lightning_module.py`.
"""

import lightning.pytorch as pl
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from deltaflow import FlowMonitor


class Classifier(pl.LightningModule):
    """A perceptron that tells points inside a circle from those outside."""

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__()
        self.save_hyperparameters()  # what a report compares
        self.network = nn.Sequential(nn.Linear(2, 32), nn.GELU(), nn.Linear(32, 2))

    def training_step(self, batch: list[torch.Tensor], batch_idx: int) -> torch.Tensor:
        """The loss of a batch."""
        x, y = batch
        return nn.functional.cross_entropy(self.network(x), y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam on everything."""
        return torch.optim.Adam(self.parameters(), lr=self.hparams["lr"])


def main(directory: str = "outputs/examples/lightning") -> str:
    """Train, watch, and say what was found."""
    pl.seed_everything(0, verbose=False)
    x = torch.randn(512, 2)
    data = TensorDataset(x, (x.norm(dim=1) > 1).long())
    monitor = FlowMonitor(directory)
    trainer = pl.Trainer(
        max_epochs=10, accelerator="cpu", callbacks=[monitor], logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Classifier(), DataLoader(data, batch_size=32, shuffle=True))
    assert monitor.run is not None
    return monitor.run.record.verdicts[0].words


if __name__ == "__main__":
    print(main())
