"""What a data set asks of a network: to tell classes apart, or to predict numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from deltaflow.system.errors import UserError


@dataclass(frozen=True)
class Classification:
    """Tell classes apart. Targets are class indices, ``int64``, ``[..., n_samples]``.

    Attributes:
        classes: the names of the classes, by index; at least two.
        counts: rows of each in the training part; empty if they are not known.
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
        """How many classes there are."""
        return len(self.classes)


@dataclass(frozen=True)
class Regression:
    """Predict numbers. Targets are floating, ``[..., n_samples, n_targets]``.

    Attributes:
        targets: the names of the targets, by index.
        scale: the length of one target unit in the data's own units, per target: the
            standard deviation that the targets were divided by, 1 where they were not. Of
            replicas in turn, if they differ, one after another.
    """

    targets: tuple[str, ...]
    scale: tuple[float, ...]

    @property
    def n_targets(self) -> int:
        """How many numbers are to be predicted per sample."""
        return len(self.targets)


Task = Classification | Regression


def joint_task(tasks: Sequence[Task]) -> Task:
    """What replicas have to do in turn, whose tasks differ in the scale of the targets at most."""
    first = tasks[0]
    if isinstance(first, Classification):
        return first
    scales = [task.scale for task in tasks if isinstance(task, Regression)]
    return replace(first, scale=tuple(chain.from_iterable(scales)))
