"""Random numbers as functions of a seed, a stream and an index.

A draw depends on the replica's seed, the stream, and an index (the layer, the epoch, or step and
layer), and never on earlier draws. So replica r of a stack draws the same numbers as a single run
with its seed, measuring cannot disturb training, and a resumed run needs no random state.

NumPy draws all numbers on the CPU, whatever the accelerator. Weights and data use a PCG-64
generator for each stream and index. Orders and dropout, which are drawn in every epoch or step,
use a counter-based generator, which draws for many replicas in one call.

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
    """The purpose of a random number. The values are part of the definition of a run."""

    INIT = 0  # index: layer, 1 to L
    ORDER = 1  # index: epoch
    DROPOUT = 2  # index: step, layer
    ROWS = 3  # which training rows are kept; the seed is the split's
    LABELS = 4  # which training labels change; the seed is the split's


def generator(seed: int, stream: Stream, *index: int) -> np.random.Generator:
    """The generator of one stream of one replica at one index.

    Args:
        seed: the replica's seed, at least 0.
        stream: the purpose of the numbers.
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
    """Draw random 64-bit words for several replicas at once.

    Philox 4×64-10 (Salmon et al. 2011, «Parallel random numbers: as easy as 1, 2, 3») encrypts a
    counter with a key. The key is the stream and the index. Each seed uses ⌈n/4⌉ counters, which
    follow those of the seed before it, so neighbouring seeds are drawn in one call.

    Args:
        seeds: the seed of each replica, at least 0, in any order.
        stream: the purpose of the numbers.
        index: the epoch, or the step and the layer; the second is below 2⁵⁶.
        n: words per replica; the words depend on n.

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
    """Permutations of 0 to n − 1 for several replicas.

    Args:
        seeds: the seed of each replica.
        stream: the purpose of the numbers.
        index: the index within the stream.
        n: length of each permutation, below 2³².

    Returns:
        ``[R, n]``.
    """
    place = np.uint64((1 << max(n - 1, 1).bit_length()) - 1)
    keys = words(seeds, stream, *index, n=n) & ~place | np.arange(n, dtype=np.uint64)
    return (np.sort(keys, axis=1) & place).astype(np.int64)


def keep_mask(
    seeds: Sequence[int], stream: Stream, *index: int, rate: float | Shares, n: int
) -> Truths:
    """Draw a random mask of kept entries for several replicas.

    Args:
        seeds: the seed of each replica.
        stream: the purpose of the numbers.
        index: the index within the stream.
        rate: probability to drop an entry, at least 0 and below 1; ``[R]`` if replicas differ.
        n: number of entries per replica.

    Returns:
        ``[R, n]``, bool, true for kept entries; the probability is exact to 2⁻³².
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
