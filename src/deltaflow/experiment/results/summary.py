"""Summarises a trained run: results, comparison with theory, and verdicts."""

import warnings
from collections.abc import Mapping
from typing import Any

import polars as pl
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from deltaflow import verdicts
from deltaflow.comparison.flow_numbers import theory_fit
from deltaflow.comparison.results import results
from deltaflow.config.messages import explain
from deltaflow.data import ReplicaData
from deltaflow.experiment.building import builders
from deltaflow.records import number_replicas
from deltaflow.theory import Theory
from deltaflow.training.module import StackedModule


def summarize(
    config: DictConfig,
    data: ReplicaData,
    module: StackedModule,
    theory: Theory,
    copies: Mapping[int, int],
    layers: pl.DataFrame,
    metrics: pl.DataFrame,
    n_steps: int,
) -> dict[str, Any]:
    """The fields of the summary with the results and the verdicts.

    Args:
        config: the run's configuration.
        data: the run's data.
        module: the trained module.
        theory: the mean-field theory of the network at initialisation.
        copies: hidden layers with units that started as copies; see :func:`copied_layers`.
        layers: the layers table.
        metrics: the metrics table.
        n_steps: number of updates.

    Returns:
        ``status``, ``rows``, ``replicas``, ``metrics``, ``flow``, ``theory``, ``largest_class``
        and ``verdicts``.
    """
    rows = dict(zip(("train", "validation", "test"), data.n_rows, strict=True))
    seeds, folds = builders.seeds(config), builders.folds(config)
    diverged_at, stopped_at = module.diverged_at.tolist(), module.stopped_at.tolist()
    found = results(seeds, diverged_at, layers, metrics, rows, stopped_at, folds)
    layers, metrics = (number_replicas(table, data.n_folds) for table in (layers, metrics))
    inputs = builders.input_second_moment(data)
    fields = theory.summary_fields(inputs)
    found["theory"] = fields and fields | theory_fit(layers)
    looked_at = verdicts.training_data(data, module.network, module.objective, inputs)
    counts = looked_at.class_counts
    found["largest_class"] = None if counts is None else float(counts.max() / counts.sum())
    evidence = verdicts.Evidence(
        layers=layers,
        metrics=metrics,
        replicas=[
            one | {"seed": one["seed"] * data.n_folds + one["fold"]} for one in found["replicas"]
        ],
        theory=theory.without_normalization,
        fields=found["theory"],
        normalization=module.network.normalization,
        copies=copies,
        constants=verdicts.constants(
            module.objective,
            data.training_targets(verdicts.ENOUGH_ROWS),
            module.network.output_activation,
            builders.dtype(config),
        ),
        n_steps=n_steps,
        settings=_settings(config, module),
        data=looked_at,
    )
    found["verdicts"] = _judge(evidence)
    return found


def _judge(evidence: verdicts.Evidence) -> list[dict[str, Any]]:
    """The verdicts; none, with a warning, if judging fails, so that the results are kept."""
    try:
        return [verdicts.recorded(verdict) for verdict in verdicts.judge(evidence)]
    except Exception as error:  # from the user's own φ, or a fault in the verdicts
        warnings.warn(f"No verdicts: {explain(error)}", stacklevel=2)
        return []


def _settings(config: DictConfig, module: StackedModule) -> verdicts.RunSettings:
    group = module.optimizer([nn.Parameter(torch.zeros(1))]).param_groups[0]
    return verdicts.RunSettings(
        lr=_number(config, "optimizer.lr"),
        scheduled=config.scheduler._target_ != "torch.optim.lr_scheduler.ConstantLR",
        weight_decay=_number(config, "optimizer.weight_decay") or 0.0,
        decoupled_decay=bool(group.get("decoupled_weight_decay")),
        clip_norm=config.trainer.gradient_clip_norm,
        output_activation=config.network.output_activation,
        standardized=config.data.standardize,
        label_noise=config.data.label_noise,
        rows_left_out=config.data.train_rows is not None,
        max_epochs=config.trainer.max_epochs,
        sizes_listed=config.network.hidden_sizes is not None,
    )


def _number(config: DictConfig, key: str) -> float | None:
    value = OmegaConf.select(config, key)
    return float(value) if isinstance(value, int | float) else None
