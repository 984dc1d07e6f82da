"""Counts and lists, as one says them."""

from collections.abc import Sequence

MOST_NAMED = 8  # of a list, one by one


def many(n: int, noun: str) -> str:
    """A count with its noun.

    >>> many(1, "seed"), many(2, "seed")
    ('1 seed', '2 seeds')
    """
    return f"{n} {noun}{'' if n == 1 else 's'}"


def replica_word(n_folds: int) -> str:
    """What a replica is called: a seed, unless each seed has one for each of several folds."""
    return "seed" if n_folds == 1 else "network"


def listed(words: Sequence[str], last: str) -> str:
    """Words with commas, and one before the last of them; of very many the first.

    >>> listed(["relu", "tanh", "elu"], "or"), listed(["relu"], "or")
    ('relu, tanh or elu', 'relu')
    """
    if len(words) > MOST_NAMED:
        words = [*words[:MOST_NAMED], f"{len(words) - MOST_NAMED} more"]
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
