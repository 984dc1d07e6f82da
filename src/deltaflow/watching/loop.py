"""Watching a training loop of one's own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from deltaflow.watching.judgement.fail_on import require_none
from deltaflow.watching.measuring.cadence import Cadence
from deltaflow.watching.measuring.loss_graph import facts
from deltaflow.watching.recorder import WatchedTraining

if TYPE_CHECKING:
    from deltaflow.experiment.result import Run


class Watch:
    """A watched training loop; made by :func:`watch`.

    Attributes:
        run: the run, once the loop is over.
    """

    def __init__(self, training: WatchedTraining, fail_on: Sequence[str]) -> None:
        self._training = training
        self._fail_on = fail_on
        self.run: Run | None = None

    def __enter__(self) -> "Watch":
        self._training.begin_step()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._training.abort(error)
            return
        self.run = self._training.complete()
        require_none(self.run, self._fail_on)

    def step(self, loss: Tensor | float | None = None) -> None:
        """Say that a step is done; called once after each ``optimizer.step()``.

        Args:
            loss: of the step, one number, as it was differentiated.

        Raises:
            ValueError: if it is not one number.
        """
        training = self._training
        if training.step == 0 and isinstance(loss, Tensor):
            training.observations.loss = facts(loss)
        training.end_step(loss)
        training.begin_step()

    def end_epoch(self, **validation: float) -> None:
        """Say that an epoch is over, with metrics of the validation part if there are any.

        Args:
            validation: ``loss``, ``accuracy``, ``macro_f1``, ``r2``, ``rmse``.
        """
        self._training.end_epoch(validation)


def watch(
    model: nn.Module,
    directory: str | Path,
    *,
    every_n_steps: int | None = None,
    n_steps: int | None = None,
    seed: int = 0,
    settings: Mapping[str, str | float | None] | None = None,
    scaler: torch.amp.GradScaler | None = None,
    fail_on: Sequence[str] = (),
) -> Watch:
    """Watch how gradients flow through a model in a training loop of one's own.

    Training goes on as it would without, with the same weights bit for bit. The directory
    becomes a run directory like any other: summary, layers table, metrics, picture, verdicts.

    >>> model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> x, y = torch.randn(64, 2), torch.randn(64, 1)
    >>> with watch(model, "outputs/mine") as flow:  # doctest: +SKIP
    ...     for _ in range(100):
    ...         loss = nn.functional.mse_loss(model(x), y)
    ...         optimizer.zero_grad()
    ...         loss.backward()
    ...         optimizer.step()
    ...         flow.step(loss)

    Args:
        model: that is trained.
        directory: where the records go; made if it is not there.
        every_n_steps: n, to measure steps 0, n, 2n, …; ``None`` for 0 to 8, 10,
            12, 15, 18, …, ever fewer, which cost next to nothing in a long training.
        n_steps: of the loop, if it is known; the last one is measured then.
        seed: by which a report tells repetitions from each other.
        settings: what a report shall compare, by name.
        scaler: that scales the loss in mixed precision, if one does.
        fail_on: kinds of findings that shall end the program.

    Returns:
        A context manager, whose ``step(loss)`` is called after each update.

    Raises:
        ValueError: for a model without a layer to watch, or a compiled one; for n below 1; at the
            end, for a finding of a kind in ``fail_on``.
        DirectoryTakenError: if the directory holds the records of another run.
    """
    scale = scaler.get_scale if scaler is not None else lambda: 1.0
    cadence = Cadence(every_n_steps, None if n_steps is None else n_steps - 1)
    training = WatchedTraining(model, directory, cadence, seed, settings, scale)
    return Watch(training, fail_on)
