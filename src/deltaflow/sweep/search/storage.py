"""Where a search keeps its study: a file of the sweep, unless another storage is named."""

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
_LARGEST = 2**40  # bytes of a study
_GOAL = "optimized_metric"  # noted in a study


@dataclass(frozen=True)
class SearchSettings:
    """What ``hydra.sweeper`` says of a search.

    Attributes:
        n_trials: in the study, those of earlier commands included.
        batch_size: trials that are proposed and trained together.
        sampler: Optuna's, by ``_target_``.
        storage: URL of the study; ``None`` for a file of the sweep.
        study_name: within the storage.
    """

    n_trials: int
    batch_size: int
    sampler: DictConfig
    storage: str | None
    study_name: str

    def __post_init__(self) -> None:
        """Refuse numbers that no search can have."""
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
    """The study of a search, new or going on.

    Args:
        settings: of the search.
        sweep: its directory.
        goal: metric and direction.

    Raises:
        ValueError: if Optuna is not installed, or the study cannot be read, or has another goal.
        UnusableFileError: if a link is where the study would be.
    """
    _require_optuna()
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sweep.mkdir(parents=True, exist_ok=True)
    storage = settings.storage
    if storage is None:
        with suppress(FileNotFoundError):
            open_file(sweep, STUDY, _LARGEST).close()  # which refuses links
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
