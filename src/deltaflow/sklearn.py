"""Estimators for scikit-learn's pipelines, searches and cross-validation.

>>> from sklearn.datasets import load_iris
>>> from deltaflow.sklearn import FlowClassifier
>>> X, y = load_iris(return_X_y=True)
>>> flow = FlowClassifier(activation="tanh", max_epochs=2, n_seeds=3, random_state=0).fit(X, y)
>>> flow.predict_proba(X).shape
(150, 3)
>>> flow.run_.verdicts[0].kind  # run_ also has the records, picture and networks
'healthy'

An estimator trains a run, as ``train.py`` does, on all rows that it is given. It writes no files
unless ``directory`` is set.
"""

# ruff: noqa: N803, N806  # X is what scikit-learn calls it

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from numpy.random import RandomState
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from deltaflow.commands.training_on_samples import train_on_samples
from deltaflow.config.composition.runs import list_of_overrides
from deltaflow.data import Samples, number_columns, require_finite
from deltaflow.system.errors import UserError

__all__ = ["FlowClassifier", "FlowRegressor"]

Array = np.typing.NDArray[Any]
_ALL_ROWS = "data.split=[1,0,0]"  # cross-validation is scikit-learn's business
_GREATEST_SEED = 2**31 - 1
_SETTINGS = {
    "activation": "activation",
    "init": "init",
    "depth": "network.depth",
    "width": "network.width",
    "hidden_sizes": "network.hidden_sizes",
    "normalization": "network.normalization",
    "dropout": "network.dropout",
    "loss": "loss",
    "optimizer": "optimizer",
    "lr": "optimizer.lr",
    "scheduler": "scheduler",
    "batch_size": "data.batch_size",
    "max_epochs": "trainer.max_epochs",
    "n_seeds": "n_seeds",
}
"""The setting of a run for each parameter; ``None`` keeps the default of the setting."""


@dataclass(kw_only=True, eq=False, repr=False)  # scikit-learn reads the signature
class _FlowEstimator(BaseEstimator):  # type: ignore[misc]  # untyped there
    """The parameters that both estimators share, and their training.

    A parameter that is ``None`` has the default of ``train.py``.

    Args:
        activation: option of the config group ``activation``, such as ``relu``.
        init: option of the config group ``init``, the distribution of the initial weights.
        depth: number of hidden layers.
        width: number of units in each hidden layer.
        hidden_sizes: number of units in each hidden layer, instead of ``depth`` and ``width``.
        normalization: ``layer`` or ``batch``.
        dropout: probability that a hidden unit is dropped in training.
        loss: option of the config group ``loss``.
        optimizer: option of the config group ``optimizer``.
        lr: learning rate.
        scheduler: option of the config group ``scheduler``, the learning-rate schedule.
        batch_size: number of rows per step; all rows if there are fewer.
        max_epochs: number of epochs.
        n_seeds: number of networks in the ensemble.
        random_state: seed of the first network; the others have the following seeds.
        overrides: other settings of a run, such as ``["trainer.gradient_clip_norm=1"]``.
        directory: a new run directory; ``None`` to write no files.

    Attributes:
        run_: the run, with its ``verdicts``, ``layers``, ``metrics``, ``network`` and ``draw()``.
        n_features_in_: number of features.
        feature_names_in_: names of the features, if ``X`` had any.
    """

    activation: str | None = None
    init: str | None = None
    depth: int | None = None
    width: int | None = None
    hidden_sizes: Sequence[int] | None = None
    normalization: str | None = None
    dropout: float | None = None
    loss: str | None = None
    optimizer: str | None = None
    lr: float | None = None
    scheduler: str | None = None
    batch_size: int | None = None
    max_epochs: int | None = None
    n_seeds: int | None = None
    random_state: int | RandomState | None = None
    overrides: Sequence[str] = ()
    directory: str | Path | None = None

    def _train(self, samples: Samples, **settings: Any) -> None:
        """Train a run on all samples; ``settings`` are further settings of the run."""
        names = getattr(self, "feature_names_in_", None)
        if names is not None:
            samples = replace(samples, columns=number_columns(map(str, names)))
        values = {key: getattr(self, name) for name, key in _SETTINGS.items()} | settings
        typed = [f"{key}={_typed(value)}" for key, value in values.items() if value is not None]
        own = list_of_overrides(
            self.overrides,
            "`overrides` must be a list of a run's settings.",
            'overrides=["trainer.gradient_clip_norm=1"]',
        )
        overrides = [_ALL_ROWS, f"seed={_seed(self.random_state)}", *typed, *own]
        if self.directory is not None:
            self.run_ = train_on_samples(samples, overrides, Path(self.directory))
            return
        if not any(one.startswith("logger=") for one in own):
            overrides.append("logger=none")
        with TemporaryDirectory() as folder:
            self.run_ = train_on_samples(
                samples, overrides, Path(folder) / "run", draws_picture=False
            )

    def _values(self, X: Any) -> Tensor:
        """The mean over networks of :meth:`Ensemble.forward`, ``[n_rows, n_values]``."""
        check_is_fitted(self)
        features = np.array(validate_data(self, X, dtype=np.float64, reset=False))
        return self.run_.ensemble.values(require_finite(features, "features")).mean(0)


def _has_probabilities(estimator: "FlowClassifier") -> bool:
    if estimator.loss != "mse":
        return True
    raise AttributeError("Probabilities need a loss that makes some. Found mse. Use loss='ce'.")


@dataclass(kw_only=True, eq=False, repr=False)
class FlowClassifier(ClassifierMixin, _FlowEstimator):  # type: ignore[misc]  # untyped there
    """A classifier: an ensemble of ``n_seeds`` networks, whose predictions are averaged.

    It has the parameters of :class:`_FlowEstimator` and one more.

    Args:
        class_weight: weight of a row of each class: ``balanced``, a list in the order of
            ``classes_``, or a mapping from classes to weights, with 1 for missing classes.

    Attributes:
        classes_: the classes, sorted.
    """

    class_weight: str | Sequence[float] | Mapping[Any, float] | None = None

    def fit(self, X: Any, y: Any) -> Self:
        """Train the networks on all rows.

        Args:
            X: numbers, ``[n_rows, n_features]``.
            y: classes of any kind, ``[n_rows]``.

        Raises:
            ValueError: if the rows cannot be used for training, or a setting is not valid.
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, labels = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        samples = Samples.classes(X, labels, [str(name) for name in self.classes_])
        self._train(samples, **{"loss.class_weight": self._class_weights()})
        return self

    def predict(self, X: Any) -> Array:
        """The class of each row, ``[n_rows]``."""
        values = self._values(X)
        predicted: Array = self.classes_[self.run_.ensemble.head.choose(values).numpy()]
        return predicted

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, ``[n_rows, n_classes]``, in the order of ``classes_``."""
        return self._values(X).numpy()

    def _class_weights(self) -> Any:
        if not isinstance(self.class_weight, Mapping):
            return self.class_weight
        known = self.classes_.tolist()
        if unknown := [name for name in self.class_weight if name not in known]:
            raise UserError(
                f"`class_weight` must be of classes that there are. Found {unknown[0]!r}. Name "
                f"some of {known[:5]}."
            )
        return [float(self.class_weight.get(name, 1)) for name in known]


@dataclass(kw_only=True, eq=False, repr=False)
class FlowRegressor(RegressorMixin, _FlowEstimator):  # type: ignore[misc]  # untyped there
    """A regressor: an ensemble of ``n_seeds`` networks, whose predictions are averaged.

    It has the parameters of :class:`_FlowEstimator`.
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Train the networks on all rows.

        Args:
            X: numbers, ``[n_rows, n_features]``.
            y: numbers, ``[n_rows]`` or ``[n_rows, n_targets]``.

        Raises:
            ValueError: if the rows cannot be used for training, or a setting is not valid.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._n_axes = y.ndim
        is_set = self.loss or any(one.startswith("loss=") for one in self.overrides)
        self._train(Samples.numbers(X, y), **({} if is_set else {"loss": "mse"}))
        return self

    def predict(self, X: Any) -> Array:
        """The predicted numbers, ``[n_rows]`` or ``[n_rows, n_targets]`` as ``y`` in training."""
        values = self._values(X).numpy()
        return values[:, 0] if self._n_axes == 1 else values

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that several targets are supported."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _typed(value: Any) -> str:
    """A value as on the command line."""
    if isinstance(value, str):
        return value
    return str(value.tolist() if isinstance(value, np.ndarray) else value).replace(" ", "")


def _seed(random_state: int | RandomState | None) -> int:
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(_GREATEST_SEED))
