"""Weights of classes in the loss, for classes of different sizes.

The weights are scaled to mean 1 over the training rows, so the learning rate need not be changed.

>>> task = Classification(("rare", "usual"), counts=(10, 90))
>>> class_weights("balanced", task).tolist()
[5.0, 0.5555555555555556]
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from deltaflow.nn.task import Classification
from deltaflow.system.errors import UserError

ClassWeight = str | Sequence[float] | None
"""``balanced`` (every class has the same total weight), a number for each class, or ``None``."""


def class_weights(setting: ClassWeight, task: Classification) -> Tensor | None:
    """The weight of each class, ``[n_classes]``, float64; ``None`` if all count the same.

    Args:
        setting: the value of ``loss.class_weight``.
        task: the task. If it has no counts of the classes, equal counts are assumed.

    Raises:
        ValueError: if the setting is not one number above 0 for each class.
    """
    if setting is None:
        return None
    counts = torch.tensor(task.counts or [1] * task.n_classes, dtype=torch.float64)
    if isinstance(setting, str) and setting == "balanced":
        weights = 1 / counts.clamp(min=1)
    else:
        numbers: Sequence[float] = () if isinstance(setting, str) else setting
        usable = [isinstance(one, int | float) and 0 < one < math.inf for one in numbers]
        if len(numbers) != task.n_classes or not all(usable):
            example = ",".join(["1"] * (task.n_classes - 1) + ["2"])
            raise UserError(
                "`loss.class_weight` must be balanced, null, or a number above 0 for each of the "
                f"{task.n_classes} classes {', '.join(task.classes[:5])}"
                f"{' …' if task.n_classes > 5 else ''}. Found {setting}. Use "
                f"`loss.class_weight=balanced` or `loss.class_weight=[{example}]`."
            )
        weights = torch.tensor(numbers, dtype=torch.float64)
    return weights * (counts.sum() / (weights * counts).sum())
