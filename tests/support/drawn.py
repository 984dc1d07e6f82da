"""What hypothesis draws from the types of our records: JSON as it should be, or wrong somewhere.

``DRAW_ANEW=1 pytest -m slow --hypothesis-seed=7`` draws others than always, and ``DRAWS=500`` more.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from deltaflow.records import Confusion

DRAWN = settings(
    derandomize="DRAW_ANEW" not in os.environ,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def draws(n: int) -> settings:
    """Settings of a test that draws n examples, or as many as ``DRAWS`` says."""
    return settings(DRAWN, max_examples=int(os.environ.get("DRAWS", n)))


NUMBERS = st.one_of(
    st.integers(-5, 5),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.sampled_from([1e154, 1e308, -1e308, 5e-324, 2**63 - 1, 2**63, 2**64]),
)
TEXTS = st.one_of(
    st.text(st.characters(), max_size=8),
    st.sampled_from(
        ["completed", "ce", "a=1", "seed=3", "\ud800", "\x1b[31m", "1e999", "9" * 500, "run"]
    ),
)
NAMES = st.sampled_from(
    ["test", "final", "accuracy", "loss", "r2", "decay_rate_start", "vanishing_index_end", "loss"]
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
_PLAIN: dict[Any, st.SearchStrategy] = {
    str: TEXTS,
    bool: st.booleans(),
    NoneType: st.none(),
    int: st.integers(0, 9) | st.integers(0, 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300),
}


def json_of(kind: Any) -> st.SearchStrategy:
    """JSON that a type of a record allows."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return json_of(inner[0])
    if origin in (Union, UnionType):
        return st.one_of(map(json_of, inner))
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is Sequence:
        return st.lists(json_of(inner[0]), max_size=3)
    if origin is Mapping:
        return st.dictionaries(NAMES | TEXTS, json_of(inner[1]), max_size=3)
    if kind is Confusion:
        return st.lists(TEXTS, max_size=3).flatmap(_confusion)
    if is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        return st.fixed_dictionaries({name: json_of(hint) for name, hint in hints.items()})
    return _PLAIN[kind]


def _confusion(classes: list[str]) -> st.SearchStrategy:
    """A count for each pair of classes, as the type alone does not say."""
    k = len(classes)
    row = st.lists(_PLAIN[int], min_size=k, max_size=k)
    counts = st.lists(row, min_size=k, max_size=k)
    parts = st.sampled_from(["training", "validation", "test"])
    return st.fixed_dictionaries({"part": parts, "classes": st.just(classes), "counts": counts})


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy) -> Any:
    """JSON that is wrong in up to two places: of another type, missing, or there many times."""
    value = draw(whole)
    for _ in range(draw(st.integers(0, 2))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        act = draw(st.sampled_from(["replace", "replace", "remove", "repeat"]))
        if act == "remove":
            del holder[key]
        elif act == "repeat" and isinstance(holder[key], list):
            holder[key] *= draw(st.sampled_from([2, 1000, 20_000]))
        else:
            holder[key] = draw(ANYTHING)
    return value


def _places(value: Any) -> Any:
    """Where something stands in JSON: what holds it, and its key there."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in list(keys)[:20]:
        yield value, key
        yield from _places(value[key])
