"""Counts and lists in words."""

from collections.abc import Sequence

MAX_NAMED = 8  # items of a list that are named


def many(n: int, noun: str) -> str:
    """A count with its noun.

    >>> many(1, "seed"), many(2, "seed")
    ('1 seed', '2 seeds')
    """
    return f"{n} {noun}{'' if n == 1 else 's'}"


def replica_word(n_folds: int) -> str:
    """The word for a replica: ``seed``, or ``network`` if there are several folds per seed."""
    return "seed" if n_folds == 1 else "network"


def listed(words: Sequence[str], last: str) -> str:
    """Join words with commas, and with ``last`` before the last; a long list is shortened.

    >>> listed(["relu", "tanh", "elu"], "or"), listed(["relu"], "or")
    ('relu, tanh or elu', 'relu')
    """
    if len(words) > MAX_NAMED:
        words = [*words[:MAX_NAMED], f"{len(words) - MAX_NAMED} more"]
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
