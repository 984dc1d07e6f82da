"""What precedes a training: composition, limits, data, network, loggers, optimizer."""

import lightning.pytorch as pl

from deltaflow.config import limits
from deltaflow.config.composition.runs import compose_run
from deltaflow.config.instantiation import error_with_part
from deltaflow.config.messages import explain
from deltaflow.experiment.building import assembly, builders

_TRAINER = pl.Trainer(
    accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
    enable_model_summary=False,
)  # fmt: skip


def prepared(overrides: list[str], directory) -> str | None:
    """Do what precedes a training; the message if it must not begin."""
    try:
        config, _ = compose_run(overrides, directory)
    except Exception as error:
        return explain(error)
    try:
        limits.check(config)
        builders.check_size(config)
        data = assembly.datamodule(config)
        module = assembly.module(config, data)
        builders.theory(config, data, module.objective)
        assembly.loggers(config)
        assembly.callbacks(config)
        module.trainer = _TRAINER
        module.configure_optimizers()
    except Exception as error:
        return explain(error_with_part(config, error))
    return None
