"""Opens the Optuna study of a search: a file in the sweep's directory, or another storage."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from omegaconf import DictConfig

from deltaflow.system.errors import UserError
from deltaflow.system.files import open_file

if TYPE_CHECKING:
    from optuna.study import Study

Direction = Literal["maximize", "minimize"]
STUDY = "study.db"
_LARGEST = 2**40  # bytes of a study's file
_GOAL = "optimized_metric"  # attribute of a study


@dataclass(frozen=True)
class SearchSettings:
    """The settings of a search, from ``hydra.sweeper``.

    Attributes:
        n_trials: number of trials in the study, including those of earlier commands.
        batch_size: number of trials that are proposed and trained together.
        sampler: Optuna's sampler, as a ``_target_`` with arguments.
        storage: URL of the storage; ``None`` for a file in the sweep's directory.
        study_name: name of the study within the storage.
    """

    n_trials: int
    batch_size: int
    sampler: DictConfig
    storage: str | None
    study_name: str

    def __post_init__(self) -> None:
        """Refuse numbers that are not whole or below 1 (``ValueError``)."""
        for name in ("n_trials", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UserError(
                    f"`hydra.sweeper.{name}` must be a whole number, at least 1. Found {value}. "
                    f"Use `hydra.sweeper.{name}=20`."
                )


def opened_study(
    settings: SearchSettings, sweep: Path, goal: tuple[str | None, Direction]
) -> "Study":
    """Create a study, or load the one that exists.

    Args:
        settings: the settings of the search.
        sweep: the sweep's directory.
        goal: metric and direction.

    Raises:
        ValueError: if Optuna is not installed, or the study cannot be read or has another goal.
        UnusableFileError: if the study's file is a link.
    """
    _require_optuna()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sweep.mkdir(parents=True, exist_ok=True)
    storage = settings.storage
    if storage is None:
        with suppress(FileNotFoundError):
            open_file(sweep, STUDY, _LARGEST).close()  # it refuses a link
        storage = f"sqlite:///{sweep / STUDY}"
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=settings.study_name,
            direction=goal[1],
            load_if_exists=True,
        )
        if (noted := study.user_attrs.get(_GOAL)) is None:
            study.set_user_attr(_GOAL, noted := list(goal))
    except Exception as error:
        raise UserError(
            "`hydra.sweeper.storage` must be one that Optuna can use, such as "
            f"sqlite:///search.db. Found {storage}: {' '.join(str(error).split())[:300]}. Name "
            "another one, or mend it."
        ) from error
    if noted != list(goal):
        raise UserError(
            "A search goes on with the goal that it began with. Found "
            f"{_words(*goal)} for a study of {_words(*noted)}. Leave "
            "`sweep.optimized_metric` and `sweep.direction` as they were, or name another "
            "`hydra.sweeper.study_name`."
        )
    return study


def _words(metric: object, direction: object) -> str:
    return f"{metric or 'the first metric'} ({direction})"


def _require_optuna() -> None:
    try:
        import optuna  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            "`hydra/sweeper=optuna` needs the package optuna. Found none. Install it with "
            "`pip install 'deltaflow[search]'`."
        ) from error
