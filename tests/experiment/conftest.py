"""Runs that several tests ask for predictions, and what scikit-learn makes of their data."""

import numpy as np
import polars as pl
import pytest
from made_tables import GAPPY, TABLE, by_scikit_learn, gappy_table, mixed_table
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from deltaflow import load_run
from running import run

QUICK = ["n_seeds=3", "trainer.max_epochs=2", "diagnostics=off", "logger=none", "network.width=8"]


def training_rows(n, targets=None):
    """The training part of the default split, by scikit-learn."""
    rest = np.arange(n)
    for _ in range(2):
        stratify = None if targets is None else targets[rest]
        rest, _ = train_test_split(rest, test_size=round(n / 5), stratify=stratify, random_state=0)
    return np.sort(rest)


@pytest.fixture(scope="session", params=["iris", "wine", "diabetes", "table", "gaps"])
def case(request, tmp_path_factory):
    """A run, rows as a frame, and the same rows one-hot and standardised by scikit-learn."""
    folder = tmp_path_factory.mktemp(request.param)
    name = request.param
    if name == "gaps":
        frame, targets = gappy_table()
        frame.write_csv(folder / "table.csv")
        overrides = [*GAPPY, f"data.path={folder / 'table.csv'}"]
    elif name == "table":
        frame, features, numeric, targets = mixed_table()
        frame.write_csv(folder / "table.csv")
        overrides = [*TABLE, f"data.path={folder / 'table.csv'}"]
    else:
        load = {"iris": load_iris, "wine": load_wine, "diabetes": load_diabetes}[name]
        bunch = load(scaled=False) if name == "diabetes" else load()
        features, targets = bunch.data, bunch.target
        frame = pl.DataFrame(features, schema=bunch.feature_names)
        numeric = np.ones(features.shape[1], dtype=bool)
        overrides = [f"data={name}"]
    overrides += ["loss=mse", "optimizer.lr=0.01"] if name == "diabetes" else []
    train = training_rows(len(frame), None if name == "diabetes" else targets)
    if name == "gaps":
        inputs = by_scikit_learn(frame, train)
    else:
        scaler = StandardScaler().fit(features[train][:, numeric])
        inputs = features.astype(float)
        inputs[:, numeric] = scaler.transform(features[:, numeric])
    made = run(QUICK + overrides, folder / "run")
    return name, load_run(made.directory), frame, inputs, np.asarray(targets, float)[train]
