"""A run that is to be trained: its configuration, where it goes, and what is noted of it first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from deltaflow.config.hyperparameters import Hyperparameters, hyperparameters
from deltaflow.config.options import option_names
from deltaflow.data import Samples
from deltaflow.experiment.identity import identity
from deltaflow.experiment.provenance import first_summary
from deltaflow.records import Summary
from deltaflow.system.files import make_folder, replace_file


@dataclass(frozen=True)
class RunPlan:
    """A run that is to be trained.

    Attributes:
        config: composed from ``conf/``.
        directory: the run directory.
        choices: the option chosen in each config group.
        overrides: of this run, for the record.
        command: the command line, for the record.
        hydra: Hydra's own configuration as YAML, for the record.
        composed: the configuration with its references, for the record, if they were resolved.
        sha: the run's :func:`identity`, if it is known already.
        samples: in place of what ``data`` names, if they are in memory.
        is_drawn: whether it leaves a picture.
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
    is_drawn: bool = True


def summary_of_start(plan: RunPlan) -> Summary:
    """The summary of a run that begins."""
    choices = option_names(plan.config, plan.choices)
    values = _hyperparameters(plan.config, choices)
    sha = plan.sha or identity(plan.composed or plan.config)
    return first_summary(choices, plan.overrides, plan.command, values, sha)


def keep_settings(plan: RunPlan) -> None:
    """Write what Hydra would write, but only into a directory that is the run's own."""
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
    """Those of a run that may yet turn out to be impossible, whose message is to be another's."""
    try:
        return hyperparameters(config, choices)
    except Exception:
        return {}
