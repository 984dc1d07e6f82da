"""The plan of a run: its configuration, its directory, and what is written before it trains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from deltaflow.config.hyperparameters import Hyperparameters, hyperparameters
from deltaflow.config.options import option_names
from deltaflow.data import Samples
from deltaflow.experiment.planning.identity import identity
from deltaflow.experiment.planning.provenance import first_summary
from deltaflow.records import Summary
from deltaflow.system.files import make_folder, replace_file


@dataclass(frozen=True)
class RunPlan:
    """A run before it is trained.

    Attributes:
        config: the configuration that was composed from ``conf/``.
        directory: the run directory.
        choices: the option chosen in each config group.
        overrides: the run's overrides; they are only recorded.
        command: the command line; it is only recorded.
        hydra: Hydra's configuration as YAML; it is only recorded.
        composed: the configuration before references were resolved, which is then recorded
            instead of ``config``; ``None`` if ``config`` has its references.
        sha: the run's :func:`identity`; ``None`` if it is not known yet.
        samples: samples in memory, which replace the source that ``data`` names.
        draws_picture: whether the picture ``flow.png`` is written.
    """

    config: DictConfig
    directory: Path
    choices: Mapping[str, str | None]
    overrides: Sequence[str] = ()
    command: Sequence[str] = ()
    hydra: str | None = None
    composed: DictConfig | None = None
    sha: str | None = None
    samples: Samples | None = None
    draws_picture: bool = True

    @property
    def label(self) -> str:
        """The name of the run directory without its number."""
        return self.directory.name.partition("_")[2]


def first_summary_of(plan: RunPlan) -> Summary:
    """The summary that a run has before it trains."""
    choices = option_names(plan.config, plan.choices)
    values = _hyperparameters(plan.config, choices)
    sha = plan.sha or identity(plan.composed or plan.config)
    return first_summary(choices, plan.overrides, plan.command, values, sha)


def write_settings(plan: RunPlan) -> None:
    """Write ``.hydra/`` as Hydra would, after the run has taken its directory."""
    kept = {
        "config.yaml": OmegaConf.to_yaml(plan.composed or plan.config),
        "overrides.yaml": OmegaConf.to_yaml(list(plan.overrides)),
        "hydra.yaml": plan.hydra,
    }
    make_folder(plan.directory / ".hydra")
    for name, text in kept.items():
        if text is not None:
            replace_file(plan.directory / ".hydra" / name, text.encode())


def _hyperparameters(config: DictConfig, choices: Mapping[str, str | None]) -> Hyperparameters:
    """The hyperparameters; none if they cannot be read, which a later check reports better."""
    try:
        return hyperparameters(config, choices)
    except Exception:
        return {}
