"""Where every random number comes from.

A draw is a function of the replica's seed, the stream that it belongs to, and an index
(the layer, the epoch, or step and layer): never of what was drawn before. So replica r of a
stack draws what the lone run with its seed draws, measuring cannot disturb training, and
a resumed run needs no random state.

Draws are made by NumPy on the CPU, in double precision, whatever the accelerator.

>>> generator(7, Stream.ORDER, 0).permutation(5).tolist()
[2, 1, 4, 3, 0]
>>> generator(7, Stream.ORDER, 0).permutation(5).tolist()
[2, 1, 4, 3, 0]
"""

from enum import IntEnum

import numpy as np

from deltaflow.system.errors import UserError


class Stream(IntEnum):
    """What a random number is for. The values are part of the definition of a run."""

    INIT = 0  # index: layer, 1 to L
    ORDER = 1  # index: epoch
    DROPOUT = 2  # index: step, layer
    ROWS = 3  # which training rows are kept; the seed is the split's
    LABELS = 4  # which training labels change; the seed is the split's


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """The generator of one stream of one replica at one index.

    Args:
        seed: the replica's seed, at least 0. 0 is a seed like any other.
        stream: what the numbers are for.
        index: layer, epoch, or step and layer, each at least 0.

    Returns:
        A fresh PCG-64 generator, seeded through ``numpy.random.SeedSequence`` with the
        stream and the index as its spawn key, so that no two of them overlap.

    Raises:
        ValueError: if the seed or the index is negative.
    """
    if seed < 0 or min(index, default=0) < 0:
        raise UserError(
            "A seed and an index must be at least 0. Found seed "
            f"{seed}, index {', '.join(map(str, index))}. Count both from 0."
        )
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(stream), *index)))
