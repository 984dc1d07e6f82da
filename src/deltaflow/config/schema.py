"""The schema of the configuration: its fields and their types.

Every field is MISSING here, because the YAML files in ``conf/`` have the values. Groups with a
``_target_`` are open dictionaries, because a user's class may have any arguments.
"""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


@dataclass
class NetworkConfig:
    """The shape of the network: ``hidden_sizes``, or ``depth`` hidden layers of ``width``."""

    depth: int = MISSING
    width: int = MISSING
    hidden_sizes: list[int] | None = MISSING
    normalization: str | None = MISSING
    dropout: float = MISSING
    output_activation: str | None = MISSING


@dataclass
class EarlyStoppingConfig:
    """When a replica stops early; never if ``patience`` is null."""

    patience: int | None = MISSING
    metric: str = MISSING
    min_delta: float = MISSING


@dataclass
class TrainerConfig:
    """How long, on which device, and in which precision to train."""

    accelerator: str = MISSING
    max_epochs: int = MISSING
    max_batches: int | None = MISSING
    precision: str = MISSING
    gradient_clip_norm: float | None = MISSING
    early_stopping: EarlyStoppingConfig = field(default_factory=EarlyStoppingConfig)
    threads: int | None = MISSING
    profiler: str | None = MISSING
    checkpoint_every: float | None = MISSING


@dataclass
class DiagnosticsConfig:
    """How often the flow is measured and histograms are recorded; null means never."""

    every_n_steps: int | None = MISSING
    histogram_every_n_steps: int | None = MISSING
    probe_rows: int = MISSING
    effective_rank: bool = MISSING
    flush_seconds: float = MISSING


@dataclass
class SweepConfig:
    """How the runs of a multirun are resumed, stacked, ended and searched."""

    resume: str | None = MISSING
    fail_fast: bool = MISSING
    max_networks: int | None = MISSING
    optimized_metric: str | None = MISSING
    direction: str | None = MISSING


@dataclass
class RunConfig:
    """The configuration of a run."""

    seed: int = MISSING
    n_seeds: int = MISSING
    resume: str | None = MISSING
    network: NetworkConfig = field(default_factory=NetworkConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    diagnostics: DiagnosticsConfig = field(default_factory=DiagnosticsConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    activation: dict[str, Any] = field(default_factory=dict)
    init: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    logger: dict[str, Any] = field(default_factory=dict)
    callbacks: dict[str, Any] = field(default_factory=dict)
