"""Splits samples, takes a subset of rows, and changes labels at random."""

from collections.abc import Sequence

import numpy as np

from deltaflow.data.columns import Array, Kind
from deltaflow.data.samples import Samples
from deltaflow.data.tables.problems import cell
from deltaflow.nn.random_streams import Stream, generator
from deltaflow.nn.task import Classification, Regression, Task
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal


def splits(
    samples: Samples, shares: Sequence[float], seeds: Sequence[int], folds: int | None
) -> list[list[Array]]:
    """Split the rows into training, validation and test, once per seed and fold.

    All training parts have the same number of rows. If a fold has one row more, it goes to the
    validation part or, if there is none, is left out.

    Args:
        samples: all samples.
        shares: shares of the three parts. With folds, the third is ignored, and the rows outside
            the test part are divided in the ratio of the first two.
        seeds: seeds of the splits.
        folds: number of folds per seed, whose test parts together are all rows; ``None`` for a
            single split with the given share.

    Returns:
        For each seed and each of its folds, the row indices of the three parts.

    Raises:
        ValueError: if a part is empty, or lacks a class.
    """
    if folds is None:
        return [split_rows(samples, shares, seed) for seed in seeds]
    return [parts for seed in seeds for parts in _folds(samples, shares, seed, folds)]


def _folds(samples: Samples, shares: Sequence[float], seed: int, folds: int) -> list[list[Array]]:
    from sklearn.model_selection import KFold, StratifiedKFold

    _check_shares(shares)
    n, names = len(samples), _names(samples)
    rarest = int(np.bincount(samples.targets).min()) if names else n
    if not 2 <= folds <= rarest:
        most = f"the rows of the rarest class, `{brief(_rarest(samples))}`" if names else "the rows"
        raise UserError(
            f"`data.folds` must be 2 to {rarest}, {most}. Found {folds}. Use fewer folds, or "
            "`data.folds=null` for one split."
        )
    kind = StratifiedKFold if names else KFold
    splits = kind(folds, shuffle=True, random_state=seed).split(samples.features, samples.targets)
    n_rest = n - -(-n // folds)
    n_train = n_rest - round(n_rest * shares[1] / (shares[0] + shares[1]))
    return [[*_train_and_validation(samples, rest, n_train, shares, seed), test]
            for rest, test in splits]  # fmt: skip


def _train_and_validation(
    samples: Samples, rest: Array, n_train: int, shares: Sequence[float], seed: int
) -> list[Array]:
    if not shares[1]:
        return [subsample(samples, rest, n_train, seed), np.arange(0)]
    n_validation = len(rest) - n_train
    if not n_validation or not n_train or min(n_validation, n_train) < len(_names(samples)):
        raise UserError(
            "Each part of a fold must have rows, and one for each class. Found "
            f"{n_train} for training and {n_validation} for validation. Use other shares in "
            "`data.split`, more data, or `data.split=[1,0,0]`."
        )
    train, validation = _cut(samples, rest, n_validation, seed)
    return [np.sort(train), validation]


def split_rows(samples: Samples, shares: Sequence[float], seed: int) -> list[Array]:
    """Row indices of training, validation and test; stratified if there are classes."""
    _check_shares(shares)
    n = len(samples)
    n_validation, n_test = round(n * shares[1]), round(n * shares[2])
    n_rows = n - n_validation - n_test, n_validation, n_test
    if any(count == 0 < share for count, share in zip(n_rows, shares, strict=True)):
        raise UserError(
            f"Each part of `data.split` must get at least one row. Found {n} rows for the shares "
            f"{list(shares)}. Use more data, or `data.split=[1,0,0]`."
        )
    names = _names(samples)
    if any(0 < count < len(names) for count in n_rows):
        raise UserError(
            f"Each part of `data.split` must have a row for each of the {len(names)} classes. "
            f"Found {', '.join(map(str, n_rows))} of {n} rows for the shares {list(shares)}. Use "
            "larger shares, more data, or `data.split=[1,0,0]`."
        )
    rest, parts = np.arange(n), []
    for count in (n_validation, n_test):
        rest, part = _cut(samples, rest, count, seed) if count else (rest, np.arange(0))
        parts.append(part)
    return [np.sort(rest), *parts]


def _cut(samples: Samples, rows: Array, count: int, seed: int) -> tuple[Array, Array]:
    """Split off ``count`` rows, stratified by class; return the rest and the rows split off."""
    from sklearn.model_selection import train_test_split

    names = _names(samples)
    classes = samples.targets[rows] if names else None
    try:
        rest, part = train_test_split(rows, test_size=count, stratify=classes, random_state=seed)
        if classes is not None and any(
            not np.isin(classes, samples.targets[some]).all() for some in (rest, part)
        ):  # the share of a rare class may be rounded to zero
            raise ValueError("A class has too few rows to be in all of them.")
    except ValueError as error:
        raise UserError(_rarest_class(samples, names)) from error
    return rest, np.sort(part)


def _check_shares(shares: Sequence[float]) -> None:
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9 or shares[0] == 0:
        raise UserError(
            "`data.split` must be three shares that add up to 1, the first above 0. Found "
            f"{list(shares)}. Use `data.split=[0.6,0.2,0.2]`."
        )


def _names(samples: Samples) -> Sequence[str]:
    """Names of the classes; empty for a regression."""
    return samples.task.classes if isinstance(samples.task, Classification) else ()


def _rarest(samples: Samples) -> str:
    return _names(samples)[int(np.bincount(samples.targets).argmin())]


def subsample(samples: Samples, rows: Array, count: int, seed: int) -> Array:
    """Choose ``count`` of the rows at random, stratified by class.

    scikit-learn's splitter is not used: it raises an error if the other rows lack a class.

    Args:
        samples: all samples.
        rows: row indices to choose from.
        count: number of rows to keep.
        seed: seed of the choice.

    Returns:
        Row indices, sorted.

    Raises:
        ValueError: if there are fewer than ``count`` rows.
    """
    if count > len(rows):
        raise UserError(
            f"`data.train_rows` must be at most {len(rows)}, the rows of the training part. Found "
            f"{count}. Use `data.train_rows=null` for all of them."
        )
    shuffled = generator(seed, Stream.ROWS).permutation(rows)
    if isinstance(samples.task, Regression):
        return np.sort(shuffled[:count])
    classes = samples.targets[shuffled]
    quantile = np.empty(len(rows))  # position of each row within its class, from 0 to 1
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        quantile[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(shuffled[np.argsort(quantile, kind="stable")[:count]])


def add_label_noise(targets: Array, task: Task, rows: Array, share: float, seed: int) -> Array:
    """Replace the labels in a share of the rows by another class, chosen at random.

    Large networks memorise such labels (Zhang et al. 2017, arXiv:1611.03530).

    Args:
        targets: class indices of all samples.
        task: the task.
        rows: indices of the rows whose labels may change.
        share: share of these rows whose labels change, 0 to 1.
        seed: seed of the choice.

    Returns:
        The targets; a copy if any changed.

    Raises:
        ValueError: if ``share`` is above 0 and the task is a regression.
    """
    if share == 0:
        return targets
    if isinstance(task, Regression):
        raise UserError(
            f"`data.label_noise` replaces classes by others. Found {share} for a numeric target. "
            "Use `data.label_noise=0`; most synthetic sources have `data.noise`."
        )
    draw = generator(seed, Stream.LABELS)
    chosen = draw.choice(rows, size=round(share * len(rows)), replace=False)
    confused, n_classes = targets.copy(), task.n_classes
    shift = draw.integers(1, n_classes, size=len(chosen))
    confused[chosen] = (confused[chosen] + shift) % n_classes
    return confused


def _rarest_class(samples: Samples, names: Sequence[str]) -> str:
    """The message for a class that is too rare to be in each part."""
    counts = np.bincount(samples.targets, minlength=len(names))
    rarest, reading = int(counts.argmin()), samples.reading
    where, advice = "", "leave such a class out"
    if reading is not None and reading.target_kind is Kind.NUMBER:
        advice = "predict numbers with `data.task=regression loss=mse`"
    if reading is not None:
        first = int((samples.targets == rarest).argmax())
        place = cell(reading.targets[0], reading.file_row(first))
        where = f", the first in {place} of {literal(reading.path)}"
    return (
        "Every class must have rows for each part of `data.split`. Found "
        f"{len(names)} classes in {len(samples)} rows, the rarest of which, "
        f"`{brief(names[rarest])}`, has {counts[rarest]}{where}. Use more data, {advice}, or "
        "use `data.split=[1,0,0]`."
    )
