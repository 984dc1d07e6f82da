"""The objective of a search: a number of a run, which Hydra's sweepers get as its result."""

import math
from dataclasses import dataclass

from omegaconf import DictConfig

from deltaflow.comparison.flow_numbers import FLOW_NUMBERS
from deltaflow.comparison.results import MAIN_METRICS
from deltaflow.records import METRICS, MINIMIZED, Replica, Summary
from deltaflow.system.errors import UserError

MOMENTS = ("final", "best", "test")
_SHARES = ("accuracy", "macro_f1")  # the worst value is 0
_FLOW = [f"flow/{name}_{end}" for name in FLOW_NUMBERS for end in ("start", "end")]


@dataclass(frozen=True)
class Goal:
    """A number of a run, and whether a larger value is better.

    Attributes:
        name: name of the metric or flow number; ``None`` for the first metric that a run has.
        part: part of a replica's record: ``final``, ``best``, ``test`` or ``flow``.
        maximize: whether a larger value is better.
    """

    name: str | None
    part: str
    maximize: bool

    @classmethod
    def of(cls, sweep: DictConfig) -> "Goal":
        """Read ``sweep.optimized_metric`` and ``sweep.direction``.

        Raises:
            ValueError: if no run has the number, or a flow number has no direction.
        """
        wanted, direction = sweep.optimized_metric, sweep.direction
        if wanted is None:
            return cls(None, "final", direction != "minimize")
        first, _, last = wanted.partition("/")
        is_flow = wanted in _FLOW
        if not is_flow and (first not in METRICS.quantities or last not in MOMENTS):
            raise UserError(
                "`sweep.optimized_metric` must be a metric at a moment, such as "
                f"{METRICS.quantities[1]}/final, or a number of the flow, such as {_FLOW[0]}. "
                f"Found `{wanted}`. Metrics are {', '.join(METRICS.quantities)}, moments "
                f"{', '.join(MOMENTS)}; null stands for accuracy/final, or r2/final."
            )
        if is_flow and direction is None:
            raise UserError(
                f"`sweep.direction` must be minimize or maximize for `{wanted}`. Found null. "
                "Say which is better."
            )
        maximize = first not in MINIMIZED if direction is None else direction == "maximize"
        return cls(last, "flow", maximize) if is_flow else cls(first, last, maximize)

    def value(self, summary: Summary) -> float:
        """The mean over replicas; a diverged replica counts with the worst value.

        The worst value is 0 for an accuracy, and ±∞ for a number without a bound.

        Args:
            summary: the summary of a run that ended.

        Raises:
            ValueError: if a replica does not have the number.
        """
        name = self.name or next(
            name for name in MAIN_METRICS if self.name or _has(summary, self.part, name)
        )
        values = [self._of_seed(replica, name) for replica in summary.replicas]
        if any(value is None for value in values):
            known = dict.fromkeys(n for r in summary.replicas for n in r.numbers(self.part))
            raise UserError(
                f"`sweep.optimized_metric` must be a number that each seed has. Found none for "
                f"`{name}` ({self.part}). This run has {', '.join(known) or 'none'} there. "
                "Name one of these, or leave it out."
            )
        return math.fsum(value for value in values if value is not None) / len(values)

    def _of_seed(self, replica: Replica, name: str) -> float | None:
        if replica.counts(name):
            return replica.numbers(self.part).get(name)
        if not self.maximize:
            return math.inf
        return 0.0 if name in _SHARES else -math.inf


def _has(summary: Summary, part: str, name: str) -> bool:
    return name == MAIN_METRICS[-1] or any(name in r.numbers(part) for r in summary.replicas)
