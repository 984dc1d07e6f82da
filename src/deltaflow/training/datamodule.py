"""The LightningDataModule of a stack."""

import lightning.pytorch as pl

from deltaflow.data import Batch, ReplicaData


class ReplicaDataModule(ReplicaData, pl.LightningDataModule):
    """Samples for R replicas, held as a whole on the device of the training."""

    def _on_device(self, part: int) -> Batch:
        if self.trainer is not None:
            device = self.trainer.strategy.root_device
            x, y = self._parts[part]
            self._parts[part] = x.to(device), y.to(device)
        return self._parts[part]
