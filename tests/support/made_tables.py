"""Tables with numbers, categories, truth, dates and gaps, and what scikit-learn makes of them."""

import datetime

import numpy as np
import polars as pl
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

TABLE = ["data=table", "data.target=kind"]


def mixed_table(n=90):
    """The table; its features, one-hot; which of them are numbers; and the classes."""
    draw = np.random.default_rng(0)
    size, weight = draw.normal(5, 2, n).round(3), draw.normal(-40, 9, n).round(2)
    colour = draw.choice(["red", "green", "blue"], n)
    wild = draw.choice([True, False], n)
    targets = (size + 2 * (colour == "red") + draw.normal(0, 1, n) > 5.5).astype(int)
    frame = pl.DataFrame(
        {
            "size": size,
            "colour": colour,
            "wild": wild,
            "weight": weight,
            "kind": np.array(["calm", "odd"])[targets],
        }
    )
    hot = OneHotEncoder(sparse_output=False).fit_transform(colour[:, None])
    features = np.column_stack([size, hot, wild, weight])
    numeric = np.array([True, False, False, False, False, True])
    return frame, features, numeric, targets


GRADES = ["low", "mid", "top"]
GAPPY = [
    *TABLE, "data.missing=indicator", "data.dates=days", "data.order={grade:[low,mid,top]}"
]  # fmt: skip


def gappy_table(n=120):
    """The table with gaps, an ordered category, two answers and a date; and the classes."""
    frame, _, _, targets = mixed_table(n)
    draw = np.random.default_rng(1)
    frame = frame.with_columns(
        grade=pl.Series(draw.choice(GRADES, n)),
        smokes=pl.Series(draw.choice(["no", "yes"], n)),
        day=pl.Series([datetime.date(2024, 1, 1 + k % 29) for k in range(n)]),
    )
    holed = ["size", "colour", "wild", "grade", "smokes", "day"]
    gaps = [pl.Series(draw.random(n) < 0.15) for _ in holed]
    columns = [pl.when(~gap).then(frame[name]).alias(name)
               for name, gap in zip(holed, gaps, strict=True)]  # fmt: skip
    return frame.with_columns(columns), targets


def by_scikit_learn(frame, train):
    """The inputs of the table with gaps: indicators last, all fitted on the training rows."""
    days = (frame["day"] - datetime.date(1970, 1, 1)).dt.total_days()
    made = []
    for name in frame.columns:
        if name == "kind":
            continue
        values = (days if name == "day" else frame[name]).to_numpy()
        missing = frame[name].is_null().to_numpy()
        raw = column = np.where(missing, np.nan, values.astype(object))[:, None]
        if name == "grade":
            column = OrdinalEncoder(categories=[[*GRADES, np.nan]]).fit_transform(column)
        if name in ("size", "weight", "grade", "day"):
            column = column.astype(float)
            imputer = SimpleImputer(strategy="median").fit(column[train])
            filled = imputer.transform(column)
            column = StandardScaler().fit(filled[train]).transform(filled)
        else:
            imputer = SimpleImputer(strategy="most_frequent").fit(column[train])
            hot = OneHotEncoder(sparse_output=False, drop="if_binary").fit(column[~missing])
            column = hot.transform(imputer.transform(column))
        made.append(column)
        if missing.any():
            indicator = MissingIndicator(features="all").fit(raw)
            made.append(indicator.transform(raw))
    return np.column_stack(made).astype(float)
