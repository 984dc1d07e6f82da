"""Conditions in few words: these fit all that are meant, and no other."""

import random

import pytest

from claims.wording import described

GRID = [(init, f"depth={depth}", at) for init in "ab" for depth in "123" for at in ("start", "end")]


@pytest.mark.parametrize(
    ("some", "words"),
    [
        (lambda init, depth, at: True, []),
        (lambda init, depth, at: init == "a", ["a"]),
        (lambda init, depth, at: depth != "depth=1", ["depth=2 or 3"]),
        (lambda init, depth, at: depth == "depth=2" and at == "end", ["depth=2, end"]),
        (lambda init, depth, at: at == "start" or init == "b", ["start", "b"]),
        (lambda init, depth, at: (init == "a") == (depth == "depth=1"),
         ["a, depth=1", "b, depth=2 or 3"]),
        (lambda *one: one in (GRID[0], GRID[-1]), ["a, depth=1, start", "b, depth=3, end"]),
    ],
)  # fmt: skip
def test_conditions_are_described_in_few_words(some, words):
    assert sorted(described([one for one in GRID if some(*one)], GRID)) == sorted(words)


def test_a_description_fits_what_is_meant_and_nothing_else():
    draw = random.Random(0)
    for _ in range(100):
        some = [one for one in GRID if draw.random() < draw.random()]
        if some and len(some) < len(GRID):
            told = [_read(words) for words in described(some, GRID)]
            fitting = [one for one in GRID if any(_fits(one, said) for said in told)]
            assert fitting == some


def _read(words: str) -> list[list[str]]:
    said: list[list[str]] = []
    for place in (place.split(" or ") for place in words.split(", ")):
        if said and said[-1][0].startswith("depth=") and place[0].isdigit():
            said[-1] += place  # "depth=1, 2 or 3" was split at its own comma
        else:
            said.append(place)
    return [[f"depth={word}" if word.isdigit() else word for word in place] for place in said]


def _fits(one, said) -> bool:
    return all(any(word in place for word in one) for place in said)
