"""A table with numbers, categories and truth, and what scikit-learn makes of it."""

import numpy as np
import polars as pl
from sklearn.preprocessing import OneHotEncoder

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
