"""Some conditions out of many, in few words: what they have in common and the others lack."""

import itertools
from collections.abc import Sequence

from claims.claim import Condition

_Said = dict[int, tuple[str, ...]]  # what may stand at some places of a condition


def described(some: Sequence[Condition], of: Sequence[Condition]) -> list[str]:
    """Descriptions that some conditions fit, and no other does.

    Each description says what stands at some places of a condition. Those with few places that
    fit many conditions come first.

    Args:
        some: at least one.
        of: all, in which these are, with as many places each.

    Returns:
        Alternatives; none if all are meant.

    >>> everything = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]
    >>> described([("a", "x"), ("a", "y"), ("b", "y")], everything)
    ['a', 'y']
    """
    if len(some) == len(of):
        return []
    left, chosen = list(some), list[_Said]()
    fitting = [said for said in _descriptions(of) if set(_told(said, of)) <= set(some)]
    while left:
        best = max(fitting, key=lambda said: len(_told(said, left)))  # the first, so the shortest
        chosen.append(best)
        left = [one for one in left if one not in _told(best, left)]
    return [", ".join(_any_of(words) for words in said.values()) for said in _merged(chosen)]


def _descriptions(of: Sequence[Condition]) -> list[_Said]:
    """All that say one thing at each of some places, those with the fewest places first."""
    n_places = len(of[0])
    found: dict[tuple[tuple[int, str], ...], None] = {}
    for size in range(1, n_places + 1):
        for places in itertools.combinations(range(n_places), size):
            for one in of:
                found[tuple((place, one[place]) for place in places)] = None
    return [{place: (word,) for place, word in said} for said in found]


def _told(said: _Said, conditions: Sequence[Condition]) -> list[Condition]:
    return [one for one in conditions if all(one[place] in words for place, words in said.items())]


def _merged(chosen: Sequence[_Said]) -> list[_Said]:
    """Put together descriptions that differ at one place only."""
    merged: list[_Said] = []
    for said in chosen:
        for other in merged:
            differing = [place for place in other if other[place] != said.get(place)]
            if other.keys() == said.keys() and len(differing) == 1:
                (place,) = differing
                other[place] = (*other[place], *said[place])
                break
        else:
            merged.append(dict(said))
    return merged


def _any_of(words: Sequence[str]) -> str:
    """Alternatives; the name of a setting that all of them are values of is said once."""
    name, equals, _ = words[0].partition("=")
    if equals and all(word.startswith(f"{name}=") for word in words):
        words = [words[0], *(word.removeprefix(f"{name}=") for word in words[1:])]
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
