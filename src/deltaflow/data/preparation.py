"""What is done to samples once, before they are served: split and standardise."""

from collections.abc import Sequence

import numpy as np

from deltaflow.data.samples import Array, Samples
from deltaflow.task import Regression


def split_rows(samples: Samples, shares: Sequence[float], seed: int) -> list[Array]:
    """Row indices of training, validation and test, by class where there are classes."""
    from sklearn.model_selection import train_test_split

    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9 or shares[0] == 0:
        raise ValueError(
            "`data.split` must be three shares that add up to 1, the first above 0. Found "
            f"{list(shares)}. Use `data.split=[0.6,0.2,0.2]`."
        )
    n = len(samples)
    n_validation, n_test = round(n * shares[1]), round(n * shares[2])
    if any(
        count == 0 < share for count, share in zip((n_validation, n_test), shares[1:], strict=True)
    ):
        raise ValueError(
            f"Each part of `data.split` must get at least one row. Found {n} rows for the shares "
            f"{list(shares)}. Use more data, or `data.split=[1,0,0]`."
        )
    rest, empty = np.arange(n), np.arange(0)
    parts = []
    for count in (n_validation, n_test):
        if count == 0:
            parts.append(empty)
            continue
        classes = None if isinstance(samples.task, Regression) else samples.targets[rest]
        try:
            rest, part = train_test_split(
                rest, test_size=count, stratify=classes, random_state=seed
            )
            if classes is not None and any(
                not np.isin(classes, samples.targets[rows]).all() for rows in (rest, part)
            ):  # stratifying rounds a rare class's share, perhaps to none
                raise ValueError("A class has too few rows to be in all of them.")
        except ValueError as error:
            raise ValueError(
                "Every class must have rows for each part of `data.split`. Found a data set of "
                f"{n} rows where that fails: {error} Use more data, or `data.split=[1,0,0]`."
            ) from error
        parts.append(np.sort(part))
    return [np.sort(rest), *parts]


def standardize_columns(columns: Array, train: Array) -> tuple[Array, Array]:
    """Columns with mean 0 and deviation 1 on the training rows, and what they were divided by."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(columns[train])
    return scaler.transform(columns), scaler.scale_
