"""Objectives: losses with the outputs that they need, their predictions and their metrics.

An objective derives the number of outputs from the task, encodes targets, computes the loss of
each sample, and turns outputs into predictions. Outputs are logits: log-softmax and the sigmoid
are part of the losses, which is numerically stable.

| task          | ce       | bce                     | mse                                   |
|---------------|----------|-------------------------|---------------------------------------|
| k ≥ 3 classes | k logits | k logits, one against   | k outputs on one-hot targets, or one  |
|               |          | the rest                | output on the class index             |
| 2 classes     | 2 logits | 1 logit                 | 1 output on 0 and 1                   |
| regression    | refused  | refused                 | 1 output per target                   |

The loss of one sample is the mean over its outputs, as in PyTorch, times the weight of its class
if classes have weights. Shapes: outputs ``[R, B, n_outputs]``; targets ``[R, B]`` class indices, or
``[R, B, n_targets]`` numbers.
"""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from deltaflow.nn.class_weights import ClassWeight, class_weights
from deltaflow.nn.head import Head, Link
from deltaflow.nn.metrics import classification_metrics, regression_metrics
from deltaflow.nn.task import Classification, Regression, Task
from deltaflow.system.errors import UserError


class Objective(ABC):
    """Base of the losses; each instance is made for a task.

    Attributes:
        task: the task of the data.
        n_outputs: number of units of the output layer.
        link: the function from outputs to probabilities inside the loss; ``None`` if there is
            none.
        threshold: with a single output, class 1 is predicted from this value on.
        weights: weight of a sample of each class, ``[n_classes]``, 1 on average over the training
            rows; ``[n_folds, n_classes]`` if folds differ; ``None`` if all count the same.
        first_fold: fold of the first replica; the replicas after it have the following folds.
    """

    n_outputs: int
    link: Link | None = None
    threshold: float = 0.5
    weights: Tensor | None = None
    first_fold: int = 0

    def __init__(self, task: Task) -> None:
        self.task = task

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics, the most important first."""
        return ("accuracy", "macro_f1") if isinstance(self.task, Classification) else ("r2", "rmse")

    @property
    def weights_by_class(self) -> dict[str, float]:
        """The weight of each class in the first fold; empty if all count the same."""
        if self.weights is None or not isinstance(self.task, Classification):
            return {}
        first = self.weights.view(-1, self.task.n_classes)[0]
        return dict(zip(self.task.classes, first.tolist(), strict=True))

    @abstractmethod
    def sample_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of each sample, ``[R, B]``: the mean over its outputs."""

    @property
    def head(self) -> Head:
        """The head, which turns outputs into predictions."""
        n_classes = self.task.n_classes if isinstance(self.task, Classification) else 0
        one_of_two = self.n_outputs == 1 and n_classes == 2
        return Head(n_classes, self.link, self.threshold if one_of_two else None)

    def weighted(self, loss: Tensor, target: Tensor) -> Tensor:
        """Multiply each sample's loss, ``[R, B]``, by the weight of its class, if it has one."""
        if self.weights is None:
            return loss
        weights = self.weights.to(loss)
        if weights.ndim == 1:
            return loss * weights[target]
        replicas = torch.arange(len(target), device=target.device)
        return loss * weights[(self.first_fold + replicas)[:, None] % len(weights), target]

    def encode(self, output: Tensor, target: Tensor) -> Tensor:
        """Encode targets in the outputs' shape: classes one-hot, or as their index for one output.

        Targets of a regression stay as they are.

        Raises:
            ValueError: if the outputs have another shape, which might broadcast without an error.
        """
        encoded = target
        if isinstance(self.task, Classification) and self.n_outputs == 1:
            encoded = target.unsqueeze(-1).to(output.dtype)
        elif isinstance(self.task, Classification):
            encoded = functional.one_hot(target, self.n_outputs).to(output.dtype)
        check_outputs(output, encoded.shape, target)
        return encoded

    def predict(self, output: Tensor) -> Tensor:
        """Class indices ``[R, B]``, or numbers ``[R, B, n_targets]`` in target units."""
        return self.head.predict(output)

    def metrics(self, prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The metrics of each replica.

        Args:
            prediction: the result of :meth:`predict`.
            target: the targets of the data, with the same shape.

        Returns:
            ``[R]`` each. For classes: ``accuracy`` and ``macro_f1`` (over the classes that occur
            or are predicted), float64 on the CPU. For a regression: ``r2``, the mean over targets
            (NaN for a single sample), and ``rmse`` in the units of the data.
        """
        if isinstance(self.task, Classification):
            return classification_metrics(prediction, target, self.task.n_classes)
        return regression_metrics(prediction, target, self.task)


class CrossEntropy(Objective):
    """−log softmax(output)[class]: one logit per class.

    Args:
        task: the task of the data.
        class_weight: weights of the classes in the loss.
    """

    link = "softmax"

    def __init__(self, task: Task, class_weight: ClassWeight = None) -> None:
        super().__init__(task)
        self.n_outputs = _classes(task, "ce").n_classes
        self.weights = class_weights(class_weight, _classes(task, "ce"))

    def sample_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The negative log-softmax of the class's logit, ``[R, B]``."""
        check_outputs(output, (*target.shape, self.n_outputs), target)
        loss = -log_probabilities(output).gather(0, target.unsqueeze(0)).squeeze(0)
        return self.weighted(loss, target)


class BinaryCrossEntropy(Objective):
    """Sigmoid cross-entropy: one logit for two classes, otherwise one per class.

    Args:
        task: the task of the data.
        threshold: with two classes, the probability from which class 1 is predicted.
        class_weight: weights of the classes in the loss.
    """

    link = "sigmoid"

    def __init__(self, task: Task, threshold: float, class_weight: ClassWeight = None) -> None:
        super().__init__(task)
        n_classes = _classes(task, "bce").n_classes
        self.n_outputs = 1 if n_classes == 2 else n_classes
        self.weights = class_weights(class_weight, _classes(task, "bce"))
        self.threshold = _probability(threshold)

    def sample_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean over the logits of −[y log σ(z) + (1 − y) log σ(−z)], ``[R, B]``."""
        encoded = self.encode(output, target)
        loss = functional.binary_cross_entropy_with_logits(output, encoded, reduction="none")
        return self.weighted(loss.mean(-1), target)


class MeanSquaredError(Objective):
    """Squared error, for a regression or, for demonstration, for classes.

    Args:
        task: the task of the data.
        target: encoding of three or more classes: ``onehot``, or ``index`` (one output, which is
            rounded to the class index).
        threshold: with two classes, the output from which class 1 is predicted.
    """

    def __init__(self, task: Task, target: Literal["onehot", "index"], threshold: float) -> None:
        super().__init__(task)
        if target not in ("onehot", "index"):
            raise UserError(
                f"`loss.target` must be onehot or index. Found {target!r}. "
                "Use `loss.target=onehot` for one output per class."
            )
        self.threshold = _probability(threshold)
        if isinstance(task, Regression):
            self.n_outputs = task.n_targets
        else:
            self.n_outputs = task.n_classes if target == "onehot" and task.n_classes > 2 else 1

    def sample_loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The mean over the outputs of (output − target)², ``[R, B]``."""
        return functional.mse_loss(output, self.encode(output, target), reduction="none").mean(-1)


def _classes(task: Task, loss: str) -> Classification:
    if isinstance(task, Classification):
        return task
    raise UserError(
        f"`loss={loss}` needs classes to tell apart. Found a numeric target "
        f"({', '.join(task.targets)}). Use `loss=mse`; or, if they are classes, give them "
        "as whole numbers, as `y.astype(int)` does, or with `data.task=classification` for a table."
    )


def _probability(threshold: float) -> float:
    if 0 < threshold < 1:
        return threshold
    raise UserError(
        f"`loss.threshold` must lie between 0 and 1. Found {threshold}. Use `loss.threshold=0.5`."
    )


def log_probabilities(output: Tensor) -> Tensor:
    """Log-softmax of logits, ``[n_classes, R, B]``: ten times as fast in this order if few.

    It is in single precision at least, which autocast does not see to on a CPU.
    """
    dtype = torch.promote_types(output.dtype, torch.float32)
    return output.movedim(-1, 0).contiguous().log_softmax(0, dtype=dtype)


def check_outputs(output: Tensor, expected: tuple[int, ...], target: Tensor) -> None:
    """Refuse shapes that would broadcast: ``[5, 1]`` against ``[5]`` gives 25 errors, not 5.

    Args:
        output: the outputs, ``[R, B, n_outputs]``.
        expected: the shape that they must have.
        target: the targets, of which the message tells the shape.

    Raises:
        ValueError: if the shape differs.
    """
    if tuple(output.shape) != tuple(expected):
        raise UserError(
            f"Outputs must have the shape {list(expected)} to match targets "
            f"{list(target.shape)}. Found {list(output.shape)}. Give the network as many "
            "outputs as the objective's `n_outputs`."
        )
