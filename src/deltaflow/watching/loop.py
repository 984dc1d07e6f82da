"""Watches a training loop that the user writes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from deltaflow.watching.measuring.cadence import Cadence
from deltaflow.watching.measuring.loss_graph import loss_facts
from deltaflow.watching.recorder import WatchedTraining
from deltaflow.watching.verdicts.fail_on import check_kinds, raise_for_findings

if TYPE_CHECKING:
    from deltaflow.experiment.results.result import Run


class Watch:
    """A watched training loop, from :func:`watch`.

    Attributes:
        run: the run; ``None`` before the loop has ended.
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
        raise_for_findings(self.run, self._fail_on)

    def step(self, loss: Tensor | float | None = None) -> None:
        """Record a step; call it once after each ``optimizer.step()``.

        Args:
            loss: the loss of the step, a scalar, as it was differentiated.

        Raises:
            ValueError: if the loss is not one number.
        """
        training = self._training
        if training.step == 0 and isinstance(loss, Tensor):
            training.observations.loss = loss_facts(loss)
        training.end_step(loss)
        training.begin_step()

    def end_epoch(self, **validation: float) -> None:
        """Record the end of an epoch, with validation metrics if there are any.

        Args:
            validation: any of ``loss``, ``accuracy``, ``macro_f1``, ``r2`` and ``rmse``.
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
    """Watch how gradients flow through a model in a user's training loop.

    The trained weights are the same bit for bit as without watching. The directory becomes a run
    directory with summary, layers table, metrics, picture and verdicts.

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
        model: the model that is trained.
        directory: directory of the records; it is made if it does not exist.
        every_n_steps: n, to measure steps 0, n, 2n, …; ``None`` for steps 0 to 8, 10, 12, 15,
            18, … with growing distances, which cost little in a long training.
        n_steps: number of steps of the loop, so that the last is measured; ``None`` if unknown.
        seed: the seed, which distinguishes repetitions in a report.
        settings: settings by name that a report compares.
        scaler: the gradient scaler of mixed precision; ``None`` if there is none.
        fail_on: kinds of findings that raise an error at the end.

    Returns:
        A context manager, whose ``step(loss)`` is called after each update.

    Raises:
        ValueError: if the model is compiled or has no layer that can be measured, if n is below 1,
            if no finding has a kind in ``fail_on``, or at the end if one of the training has.
        DirectoryTakenError: if the directory holds the records of another run.
    """
    check_kinds(fail_on)
    scale = scaler.get_scale if scaler is not None else lambda: 1.0
    cadence = Cadence(every_n_steps, None if n_steps is None else n_steps - 1)
    training = WatchedTraining(model, directory, cadence, seed, settings, scale)
    return Watch(training, fail_on)
