"""Where every random number comes from.

A draw is a function of the replica's seed, the stream that it belongs to, and an index
(the layer, the epoch, or step and layer): never of what was drawn before. So replica r of a
stack draws what the lone run with its seed draws, measuring cannot disturb training, and
a resumed run needs no random state.

Draws are made by NumPy on the CPU, in double precision, whatever the accelerator. What is drawn
once, such as a start, comes from a generator of its own. What is drawn all the time, orders and
dropout, comes from a counter-based generator, which gives the numbers of many replicas in one call.

>>> permutations([7, 8], Stream.ORDER, 0, n=5).tolist()
[[3, 0, 1, 4, 2], [1, 3, 2, 4, 0]]
>>> permutations([8], Stream.ORDER, 0, n=5).tolist()
[[1, 3, 2, 4, 0]]
"""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from deltaflow.system.errors import UserError

Words = np.typing.NDArray[np.uint64]
Integers = np.typing.NDArray[np.int64]
Shares = np.typing.NDArray[np.float64]
Truths = np.typing.NDArray[np.bool_]


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
    _check(seed, index)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(stream), *index)))


def words(seeds: Sequence[int], stream: Stream, *index: int, n: int) -> Words:
    """Random 64-bit words of several replicas, all at once.

    Philox 4×64-10 (Salmon et al. 2011, «Parallel random numbers: as easy as 1, 2, 3») encrypts a
    counter with a key. The key is the stream and the index; each seed has ⌈n/4⌉ counters of its
    own, behind those of the seed before it, so that neighbouring seeds are one call.

    Args:
        seeds: of the replicas, each at least 0, in any order.
        stream: what the numbers are for.
        index: the epoch, or the step and the layer; the second is below 2⁵⁶.
        n: words a replica, which are others for another n.

    Returns:
        ``[R, n]``, unsigned.

    Raises:
        ValueError: if a seed or the index is negative.
    """
    unique, place = np.unique(np.asarray(seeds, dtype=np.int64), return_inverse=True)
    _check(int(unique[0]), index)
    first, second = (*index, 0, 0)[:2]
    key = np.array([first, int(stream) | second << 8], dtype=np.uint64)
    n_counters = -(-n // 4)
    runs = np.split(unique, np.flatnonzero(np.diff(unique) != 1) + 1)
    drawn = [
        np.random.Philox(key=key, counter=int(run[0]) * n_counters).random_raw(
            len(run) * n_counters * 4
        )
        for run in runs
    ]
    table: Words = np.concatenate(drawn).reshape(len(unique), -1)[:, :n]
    return table[place]


def permutations(seeds: Sequence[int], stream: Stream, *index: int, n: int) -> Integers:
    """The numbers 0 to n − 1 in a random order for each of several replicas.

    Args:
        seeds: of the replicas.
        stream: what the order is for.
        index: of the stream.
        n: how many numbers, below 2³².

    Returns:
        ``[R, n]``.
    """
    place = np.uint64((1 << max(n - 1, 1).bit_length()) - 1)
    keys = words(seeds, stream, *index, n=n) & ~place | np.arange(n, dtype=np.uint64)
    return (np.sort(keys, axis=1) & place).astype(np.int64)


def kept(seeds: Sequence[int], stream: Stream, *index: int, rate: float | Shares, n: int) -> Truths:
    """Which of n things stay where a share of them is dropped at random, for several replicas.

    Args:
        seeds: of the replicas.
        stream: what is dropped.
        index: of the stream.
        rate: the share, at least 0 and below 1; of each replica, ``[R]``, if it differs.
        n: how many things there are.

    Returns:
        ``[R, n]``; the share is exact to 2⁻³².
    """
    halves = words(seeds, stream, *index, n=-(-n // 2)).astype("<u8").view("<u4")[:, :n]
    least = np.ceil(np.asarray(rate, dtype=np.float64) * 2.0**32).astype(np.uint32)
    return np.asarray(halves >= least.reshape(-1, 1))


def _check(seed: int, index: tuple[int, ...]) -> None:
    if seed < 0 or min(index, default=0) < 0:
        raise UserError(
            "A seed and an index must be at least 0. Found seed "
            f"{seed}, index {', '.join(map(str, index))}. Count both from 0."
        )
