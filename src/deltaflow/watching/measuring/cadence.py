"""Which steps are measured."""

from collections.abc import Iterator
from itertools import takewhile

from deltaflow.system.errors import UserError

_GROWTH, _LATER = 1.25, 1.6
_LATE = 100  # from this step on, measured steps are half as dense
_LONGEST = 10**12  # steps of the longest training


class Cadence:
    """Chooses steps 0, n, 2n, …, or without n, steps at even distances on a logarithmic scale.

    Without n there are ten steps per decade before step 100 and five after it. They are the same in
    all trainings, so that repetitions can be compared step by step. They cover the start densely,
    and they are few: 31 of 10,000.

    >>> [step for step in range(700) if Cadence().is_due(step)][9:]
    [10, 12, 15, 18, 22, 27, 33, 41, 51, 63, 78, 97, 121, 193, 308, 492]

    Args:
        every_n_steps: n; ``None`` for logarithmic distances.
        last_step: number of the last step, which is measured too; ``None`` if it is not known.

    Raises:
        ValueError: for n below 1.
    """

    def __init__(self, every_n_steps: int | None = None, last_step: int | None = None) -> None:
        if every_n_steps is not None and every_n_steps < 1:
            raise UserError(
                f"`every_n_steps` must be at least 1. Found {every_n_steps}. Use 1 to measure "
                "every step."
            )
        self.every_n_steps = every_n_steps
        self.last_step = last_step
        self._spread = frozenset(takewhile(lambda step: step < _LONGEST, _spread()))

    def is_due(self, step: int) -> bool:
        """Whether a step is measured."""
        if step == self.last_step:
            return True
        return (
            step in self._spread if self.every_n_steps is None else step % self.every_n_steps == 0
        )


def _spread() -> Iterator[int]:
    step = 0
    while True:
        yield step
        step = max(step + 1, int(step * (_GROWTH if step < _LATE else _LATER)))
