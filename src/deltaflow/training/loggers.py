"""Loggers of TensorBoard, Weights & Biases and MLflow, which extend Lightning's.

Each run of a stack has its own loggers, so several are open at a time. Weights & Biases and MLflow
receive the same tags, verdicts and picture as TensorBoard.
"""

import hashlib
import logging
import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from deltaflow.system.errors import UserError

_MAX_METRICS = 1000  # that MLflow accepts in one request
_SQLITE = "sqlite:///"
_RETRIES = "2"  # per request; MLflow's default of 7 takes minutes


@runtime_checkable
class Board(Protocol):
    """A logger that also shows a run's picture and verdicts."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log the numbers of a step, by tag."""

    def log_picture(self, tag: str, png: Path) -> None:
        """Show a PNG file."""

    def log_verdicts(self, text: str) -> None:
        """Show the verdicts, one a line."""

    def close(self, succeeded: bool) -> None:
        """End the run in the tracking service, as completed or as failed."""


def boards(loggers: Iterable[Logger]) -> list[Board]:
    """The loggers that are a :class:`Board`."""
    return [logger for logger in loggers if isinstance(logger, Board)]


def close(loggers: Iterable[Logger], succeeded: bool) -> None:
    """End the run in each :class:`Board`, as completed or as failed."""
    for board in boards(loggers):
        board.close(succeeded)


def write_scalars(
    board: TensorBoardLogger, values: Mapping[str, Any], step: int | None = None
) -> None:
    """Write numbers into a run's event file as one event.

    Args:
        board: the run's logger.
        values: the numbers by tag.
        step: the step that they belong to.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary

    scalars = [Summary.Value(tag=tag, simple_value=float(value)) for tag, value in values.items()]
    write(board, Summary(value=scalars), step)


def write(board: TensorBoardLogger, summary: Any, step: int | None = None) -> None:
    """Write an event into a run's event file.

    Args:
        board: the run's logger.
        summary: TensorBoard's ``Summary``.
        step: the step that it belongs to.
    """
    # Lightning closes the writer after each stage. The add_… methods of the writer open it again
    # by this call, but none of them accepts a Summary.
    board.experiment._get_file_writer().add_summary(summary, step)


class TensorBoardRun(TensorBoardLogger):
    """Lightning's logger, but it writes each call immediately; the arguments are the same."""

    @property
    def experiment(self) -> Any:
        """The writer, which is opened on first access."""
        if self._experiment is None:
            from deltaflow.training.event_files import EventWriter

            self._experiment = EventWriter(log_dir=self.log_dir, **self._kwargs)
        return self._experiment

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log all numbers of a call as one event; nested mappings are logged as Lightning does.

        Raises:
            OSError: if the disk is full.
        """
        if any(isinstance(value, Mapping) for value in metrics.values()):
            super().log_metrics(metrics, step)
            return
        prefix = f"{self._prefix}{self.LOGGER_JOIN_CHAR}" if self._prefix else ""
        write_scalars(self, {f"{prefix}{tag}": v for tag, v in metrics.items()}, step)


class WandbRun(WandbLogger):
    """A run of Weights & Biases; one process may have several.

    The ID is computed from the run directory, so a resumed run continues the same W&B run.

    Args:
        save_dir: the run directory.
        settings: arguments of ``wandb.init``, such as ``project``, ``name``, ``mode``.

    Raises:
        ValueError: if wandb is not installed.
    """

    def __init__(self, save_dir: str, **settings: Any) -> None:
        _require("wandb", "wandb")
        import wandb

        own = hashlib.sha256(str(Path(save_dir).absolute()).encode()).hexdigest()[:16]
        quiet = wandb.Settings(silent=True, console="off")
        usual: dict[str, Any] = {
            "id": own,
            "name": Path(save_dir).name,
            "reinit": "create_new",
            "settings": quiet,
        }
        super().__init__(save_dir=save_dir, **usual | settings)
        self._wandb_init.pop("anonymous")  # wandb warns that this argument is deprecated

    @property
    def experiment(self) -> Any:
        """The W&B run, which is started on first access.

        Raises:
            ValueError: if it cannot start: nobody is logged in, or there is no connection.
        """
        from wandb.errors import Error

        try:
            return super().experiment
        except Error as error:
            raise UserError(
                "`logger=wandb` must be able to begin a run. Found: "
                f"{' '.join(str(error).split()).rstrip('.')[:300]}. Mend that, or use "
                "`logger.wandb.mode=offline` or `logger=tensorboard`."
            ) from error

    def log_picture(self, tag: str, png: Path) -> None:
        """Show a PNG file among the media."""
        self.log_image(tag, [str(png)])

    def log_verdicts(self, text: str) -> None:
        """Put the verdicts into the summary, which makes them a column of the runs table."""
        self.experiment.summary["verdicts"] = text

    def close(self, succeeded: bool) -> None:
        """End the W&B run, if it was started."""
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if succeeded else 1)


class MLflowRun(MLFlowLogger):
    """A run of MLflow.

    Args:
        save_dir: the run directory; its name becomes the run's name.
        tracking_uri: the address of a server, or ``sqlite:///`` followed by a file.
        artifact_location: where a new experiment keeps artifacts; ``None`` for a folder beside
            the file.
        settings: arguments of Lightning's logger, such as ``experiment_name``.

    Raises:
        ValueError: if mlflow is not installed.
    """

    def __init__(
        self,
        save_dir: str,
        tracking_uri: str,
        artifact_location: str | None = None,
        **settings: Any,
    ) -> None:
        _require("mlflow", "mlflow")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", _RETRIES)
        for library in ("mlflow", "alembic"):
            logging.getLogger(library).setLevel(logging.WARNING)
        if tracking_uri.startswith(_SQLITE):
            folder = Path(tracking_uri.removeprefix(_SQLITE)).absolute().parent
            folder.mkdir(parents=True, exist_ok=True)
            artifact_location = artifact_location or str(folder / "mlruns")
        named = {"run_name": Path(save_dir).name, "artifact_location": artifact_location}
        super().__init__(tracking_uri=tracking_uri, **named | settings)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers, in requests no larger than MLflow accepts."""
        rest = iter(metrics.items())
        while some := dict(islice(rest, _MAX_METRICS)):
            super().log_metrics(some, step)

    def log_picture(self, tag: str, png: Path) -> None:
        """Keep a PNG file as an artifact."""
        self.experiment.log_artifact(self.run_id, str(png))

    def log_verdicts(self, text: str) -> None:
        """Show the verdicts as the description of the run."""
        self.experiment.set_tag(self.run_id, "mlflow.note.content", text)

    def close(self, succeeded: bool) -> None:
        """End the MLflow run, if it was started."""
        self.finalize("success" if succeeded else "failed")


def _require(package: str, extra: str) -> None:
    if find_spec(package) is None:
        raise UserError(
            f"`logger={extra}` needs the package {package}. Found none. Install it with "
            f"`pip install 'deltaflow[{extra}]'`."
        )
