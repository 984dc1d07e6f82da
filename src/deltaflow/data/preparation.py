"""What is done to samples once, before they are served: split, thin out, confuse."""

from collections.abc import Sequence

import numpy as np

from deltaflow.data.columns import Array, Kind
from deltaflow.data.samples import Samples
from deltaflow.data.tables.problems import cell
from deltaflow.nn.random_streams import Stream, generator
from deltaflow.nn.task import Classification, Regression, Task
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, literal


def split_rows(samples: Samples, shares: Sequence[float], seed: int) -> list[Array]:
    """Row indices of training, validation and test, by class where there are classes."""
    from sklearn.model_selection import train_test_split

    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9 or shares[0] == 0:
        raise UserError(
            "`data.split` must be three shares that add up to 1, the first above 0. Found "
            f"{list(shares)}. Use `data.split=[0.6,0.2,0.2]`."
        )
    n = len(samples)
    n_validation, n_test = round(n * shares[1]), round(n * shares[2])
    n_rows = n - n_validation - n_test, n_validation, n_test
    if any(count == 0 < share for count, share in zip(n_rows, shares, strict=True)):
        raise UserError(
            f"Each part of `data.split` must get at least one row. Found {n} rows for the shares "
            f"{list(shares)}. Use more data, or `data.split=[1,0,0]`."
        )
    names = samples.task.classes if isinstance(samples.task, Classification) else ()
    if any(0 < count < len(names) for count in n_rows):
        raise UserError(
            f"Each part of `data.split` must have a row for each of the {len(names)} classes. "
            f"Found {', '.join(map(str, n_rows))} of {n} rows for the shares {list(shares)}. Use "
            "larger shares, more data, or `data.split=[1,0,0]`."
        )
    rest, empty = np.arange(n), np.arange(0)
    parts = []
    for count in (n_validation, n_test):
        if count == 0:
            parts.append(empty)
            continue
        classes = samples.targets[rest] if names else None
        try:
            rest, part = train_test_split(
                rest, test_size=count, stratify=classes, random_state=seed
            )
            if classes is not None and any(
                not np.isin(classes, samples.targets[rows]).all() for rows in (rest, part)
            ):  # stratifying rounds a rare class's share, perhaps to none
                raise ValueError("A class has too few rows to be in all of them.")
        except ValueError as error:
            raise UserError(_rarest_class(samples, names)) from error
        parts.append(np.sort(part))
    return [np.sort(rest), *parts]


def thin_out(samples: Samples, rows: Array, count: int, seed: int) -> Array:
    """Only so many of the rows, at random, each class in its share.

    scikit-learn's own splitter would refuse where the rest is too small to hold all classes.

    Args:
        samples: all of them.
        rows: indices to choose from.
        count: how many to keep.
        seed: of the choice.

    Returns:
        Indices, sorted.

    Raises:
        ValueError: if there are not so many.
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
    quantile = np.empty(len(rows))  # of each row within its class
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        quantile[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(shuffled[np.argsort(quantile, kind="stable")[:count]])


def confuse_labels(targets: Array, task: Task, rows: Array, share: float, seed: int) -> Array:
    """Targets of all samples, in a share of the rows another class than the true one.

    Networks that are large enough learn such labels by heart (Zhang et al. 2017,
    arXiv:1611.03530).

    Args:
        targets: of all samples.
        task: what they are.
        rows: whose labels may change.
        share: of them, 0 to 1, whose labels do.
        seed: of the choice.

    Returns:
        Targets, a copy if any changed.

    Raises:
        ValueError: if targets are numbers.
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
    """What to say of classes that cannot all be in each part."""
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
