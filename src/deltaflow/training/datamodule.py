"""Data that a Trainer serves."""

import lightning.pytorch as pl

from deltaflow.data import Batch, ReplicaData


class ReplicaDataModule(ReplicaData, pl.LightningDataModule):
    """Samples for R replicas, as a whole on the device that trains them."""

    def _on_device(self, part: int) -> Batch:
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            x, y = self._parts[part]
            self._parts[part] = x.to(device), y.to(device)
        return self._parts[part]
