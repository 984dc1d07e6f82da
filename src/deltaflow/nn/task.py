"""The task of a data set: classification or regression."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from deltaflow.system.errors import UserError


@dataclass(frozen=True)
class Classification:
    """Classification. Targets are class indices, ``int64``, ``[..., n_samples]``.

    Attributes:
        classes: the names of the classes, by index; at least two.
        counts: number of rows of each class in the training part; empty if not known.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise UserError(
                f"A classification needs at least two classes. Found {len(self.classes)} class: "
                f"{', '.join(self.classes) or 'none'}. Choose a target with more values."
            )

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)


@dataclass(frozen=True)
class Regression:
    """Regression. Targets are floating, ``[..., n_samples, n_targets]``.

    Attributes:
        targets: the names of the targets, by index.
        scale: what each target was divided by when it was standardised, in the units of the data;
            1 if it was not. If folds differ, the scales of all folds in order.
    """

    targets: tuple[str, ...]
    scale: tuple[float, ...]

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return len(self.targets)


Task = Classification | Regression


def joint_task(tasks: Sequence[Task]) -> Task:
    """Join the tasks of folds, which may differ in the scale of the targets."""
    first = tasks[0]
    if isinstance(first, Classification):
        return first
    scales = [task.scale for task in tasks if isinstance(task, Regression)]
    return replace(first, scale=tuple(chain.from_iterable(scales)))
