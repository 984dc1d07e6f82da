"""What is concluded from a run that has trained: results, theory beside them, verdicts."""

import warnings
from collections.abc import Sequence
from typing import Any

import polars as pl
from omegaconf import DictConfig, OmegaConf

from deltaflow import verdicts
from deltaflow.comparison.flow_numbers import theory_fit
from deltaflow.comparison.results import results
from deltaflow.config.messages import explain
from deltaflow.data import ReplicaData
from deltaflow.experiment import builders
from deltaflow.theory.overlay import Theory
from deltaflow.training.module import StackedModule
from deltaflow.verdicts.constants import constants

_ENOUGH_ROWS = 10_000  # to know what constant outputs give


def summarize(
    config: DictConfig,
    data: ReplicaData,
    module: StackedModule,
    theory: Theory,
    copies: Sequence[int],
    layers: pl.DataFrame,
    metrics: pl.DataFrame,
    n_steps: int,
) -> dict[str, Any]:
    """The fields of the summary that say what came out, and what to think of it.

    Args:
        config: of the run.
        data: that it trained on.
        module: that it trained.
        theory: of its network, normalisation left out.
        copies: hidden layers whose units started as copies.
        layers: its layers table.
        metrics: its metrics table.
        n_steps: updates made.

    Returns:
        ``status``, ``rows``, ``replicas``, ``metrics``, ``flow``, ``theory`` and ``verdicts``.
    """
    rows = dict(zip(("train", "validation", "test"), data.n_rows, strict=True))
    found = results(builders.seeds(config), module.diverged_at.tolist(), layers, metrics, rows)
    inputs = builders.input_second_moment(data)
    applies = module.network.normalization is None
    fields = theory.fields(inputs) if applies else None
    found["theory"] = fields and fields | theory_fit(layers)
    evidence = verdicts.Evidence(
        layers=layers,
        metrics=metrics,
        replicas=found["replicas"],
        theory=theory,
        fields=found["theory"],
        input_second_moment=inputs,
        normalization=module.network.normalization,
        standardized=config.data.standardize,
        lr=_step_size(config),
        copies=copies,
        constants=constants(
            module.objective,
            data.training_targets(_ENOUGH_ROWS),
            module.network.output_activation,
            builders.dtype(config),
        ),
        output_activation=config.network.output_activation,
        n_steps=n_steps,
        sizes_listed=config.network.hidden_sizes is not None,
    )
    found["verdicts"] = _judge(evidence)
    return found


def _judge(evidence: verdicts.Evidence) -> list[dict[str, Any]]:
    """The verdicts; none, and a warning, should judging fail: results shall not go with it."""
    try:
        return [verdicts.recorded(verdict) for verdict in verdicts.judge(evidence)]
    except Exception as error:  # whatever is raised by a φ of the user's own, or by a mistake here
        warnings.warn(f"No verdicts: {explain(error)}", stacklevel=2)
        return []


def _step_size(config: DictConfig) -> float | None:
    lr = OmegaConf.select(config, "optimizer.lr")
    return float(lr) if isinstance(lr, int | float) else None
