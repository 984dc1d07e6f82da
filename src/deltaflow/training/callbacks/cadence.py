"""Which training steps are measured: 0, n, 2n, … and the last."""

from typing import Any


class Cadence:
    """Decides which steps are measured.

    Args:
        every_n_steps: n.
        may_end_early: whether something may stop the training after any epoch. If so, the last
            step of each epoch is measured and held back until it is known whether it was the
            last of the training.
    """

    def __init__(self, every_n_steps: int, may_end_early: bool = False) -> None:
        self.every_n_steps = every_n_steps
        self.may_end_early = may_end_early
        self._planned_end = -1

    def start(self, trainer: Any) -> None:
        """Find out the last step of a training that is not stopped early."""
        self._planned_end = int(trainer.estimated_stepping_batches) - 1

    def is_due(self, step: int) -> bool:
        """Whether a step is measured, whether or not the training goes on after it."""
        return step % self.every_n_steps == 0 or step == self._planned_end

    def may_be_due(self, trainer: Any, batch_idx: int) -> bool:
        """Whether the current step is due, or may turn out to be the last."""
        may_be_last = self.may_end_early and batch_idx == trainer.num_training_batches - 1
        return self.is_due(trainer.global_step) or may_be_last
