"""Three ways to do the same training: a plain PyTorch loop, bare Lightning, a run of ours.

The first two get ordinary ``nn.Linear`` networks with a replica's start, its batches in its
order, and the optimizer, loss and metrics of the run: they must end with the replica's weights.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import Logger
from torch import Tensor, nn
from torch.nn import functional

from benchmark.clock import stopwatch
from deltaflow import UserError, train
from deltaflow.config import limits
from deltaflow.config.composition.runs import compose_run
from deltaflow.experiment.building import assembly
from deltaflow.experiment.building.trainer import make_trainer
from deltaflow.nn.objectives import CrossEntropy
from deltaflow.nn.random_streams import Stream, permutations
from deltaflow.training.module import StackedModule

Batch = tuple[Tensor, Tensor]
Trained = tuple[float, list[nn.Sequential]]
"""Seconds that the training took, and the networks that it gave."""


@dataclass(frozen=True)
class Work:
    """A training, however it is done.

    Attributes:
        train: features and targets of the training part, on the device.
        validation: of the validation part; ``None`` if there is none.
        module: R networks at their start, the objective and the optimizer; never trained.
        seeds: of the replicas.
        batch_size: samples a step.
        epochs: how long.
        precision: of the Trainer.
        device: where.
    """

    train: Batch
    validation: Batch | None
    module: StackedModule
    seeds: Sequence[int]
    batch_size: int
    epochs: int
    precision: str
    device: torch.device

    @classmethod
    def of(cls, overrides: Sequence[str]) -> "Work":
        """The work that a run with these overrides does.

        Raises:
            ValueError: for settings that no run can have.
        """
        config, _ = compose_run(overrides, Path())
        limits.check(config)
        if config.trainer.precision not in ("32-true", "64-true"):
            raise UserError(
                "`trainer.precision` must be 32-true or 64-true, so that weights can be compared. "
                f"Found {config.trainer.precision}. Use `trainer.precision=32-true`."
            )
        data = assembly.datamodule(config)
        trainer = make_trainer(config, data, Path(), [], [])
        device = trainer.strategy.root_device
        return cls(
            train=_on_device(data.train_dataloader().part, device),
            validation=_on_device(data.val_dataloader().part, device)
            if data.has_validation
            else None,
            module=assembly.module(config, data),
            seeds=data.seeds,
            batch_size=data.batch_size,
            epochs=config.trainer.max_epochs,
            precision=config.trainer.precision,
            device=device,
        )

    def network(self, r: int) -> nn.Sequential:
        """Replica ``r`` at its start, on the device."""
        return self.module.network.replica(r).to(self.device)

    def batches(self, r: int) -> "Batches":
        """The training batches of replica ``r``."""
        return Batches(self.train, self.batch_size, self.seeds[r])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The batch-mean loss: PyTorch's own for classes, else the project's formula."""
        if isinstance(self.module.objective, CrossEntropy):
            return functional.cross_entropy(output, target)
        return self.module.objective.sample_loss(output[None], target[None]).mean()

    def score(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Loss and metrics of a network, without gradients."""
        x, target = batch
        output, objective = network(x), self.module.objective
        metrics = objective.metrics(objective.predict(output[None]), target[None])
        return {"loss": self.loss(output, target)} | {k: v[0] for k, v in metrics.items()}


class Batches:
    """Batches of one replica; each pass is the next epoch. A full batch is not permuted."""

    def __init__(self, part: Batch, batch_size: int, seed: int) -> None:
        self.part = part
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.part[0]) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        x, y = self.part
        if len(self) == 1:
            yield x, y
            return
        (order,) = permutations([self.seed], Stream.ORDER, self.epoch, n=len(x))
        self.epoch += 1
        for rows in torch.split(torch.from_numpy(order).to(x.device), self.batch_size):
            yield x[rows], y[rows]


class BareModule(pl.LightningModule):
    """As little as Lightning asks for."""

    def __init__(self, work: Work, logs: bool = False) -> None:
        super().__init__()
        self.work = work
        self.logs = logs
        self.network = work.network(0)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        x, target = batch
        loss = self.work.loss(self.network(x), target)
        if self.logs:
            self.log("loss", loss)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log loss and metrics."""
        self.log_dict(self.work.score(self.network, batch), batch_size=len(batch[0]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The run's."""
        return self.work.module.optimizer(self.network.parameters())


def train_by_loop(work: Work, n_networks: int) -> Trained:
    """Train the first replicas one after the other, as any PyTorch tutorial does."""
    networks = [work.network(r) for r in range(n_networks)]
    with stopwatch(work.device) as seconds:
        for r, network in enumerate(networks):
            optimizer = work.module.optimizer(network.parameters())
            batches = work.batches(r)
            for _ in range(work.epochs):
                network.train()
                for x, target in batches:
                    optimizer.zero_grad()
                    loss = work.loss(network(x), target)
                    loss.backward()
                    optimizer.step()
                network.eval()
                if work.validation is not None:
                    with torch.no_grad():
                        scores = work.score(network, work.validation)
                    {name: value.item() for name, value in scores.items()}
    return seconds(), networks


def train_by_lightning(work: Work, logger: Logger | None = None) -> Trained:
    """Train replica 0 by a plain Trainer without callbacks; ``Trainer.fit`` is timed.

    Args:
        work: to be done.
        logger: of the loss of each step, and of the validation's metrics.
    """
    module = BareModule(work, logger is not None)
    trainer = pl.Trainer(
        accelerator=work.device.type,
        devices=1,
        precision=work.precision,  # type: ignore[arg-type]
        max_epochs=work.epochs,
        logger=logger or False,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    validation = None
    if work.validation is not None:
        validation = Batches(work.validation, len(work.validation[0]), seed=0)
    with stopwatch(work.device) as seconds:
        trainer.fit(module, work.batches(0), validation)
    return seconds(), [module.network]


def train_by_run(work: Work, overrides: Sequence[str]) -> Trained:
    """Train as the command line does; ``Trainer.fit`` is timed, where callbacks and logs are.

    Args:
        work: how long, and where.
        overrides: of the run.
    """
    with tempfile.TemporaryDirectory() as directory, fit_clock(work.device) as seconds:
        network = train([*overrides, f"trainer.max_epochs={work.epochs}"], directory).network
    assert network is not None
    return seconds(), [network.replica(r) for r in range(len(network.seeds))]


def _on_device(batch: Batch, device: torch.device) -> Batch:
    return batch[0][0].to(device), batch[1][0].to(device)  # of the first fold


@contextmanager
def fit_clock(device: torch.device) -> Iterator[Callable[[], float]]:
    """Time the calls of ``Trainer.fit`` that are made within; what is given tells the last."""
    fit, clocks = pl.Trainer.fit, [lambda: 0.0]

    def timed_fit(*args: Any, **kwargs: Any) -> None:
        with stopwatch(device) as clock:
            fit(*args, **kwargs)
        clocks.append(clock)

    pl.Trainer.fit = timed_fit  # type: ignore[method-assign]
    try:
        yield lambda: clocks[-1]()
    finally:
        pl.Trainer.fit = fit  # type: ignore[method-assign]
