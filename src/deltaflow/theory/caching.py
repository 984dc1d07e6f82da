"""Caches the predictions for a network.

The runs of a sweep often differ in settings that theory does not depend on, and verdicts advise the
same networks for many runs.
"""

import copy
import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")
_MAX_RESULTS = 256  # results per method, each a few kilobytes


@dataclass(frozen=True)
class _Arguments:
    """The arguments of a call, which are compared by their values."""

    key: Hashable
    theory: Any = field(compare=False)
    inputs: np.typing.NDArray[Any] = field(compare=False)


def cached_by_key(
    method: Callable[[Any, np.typing.NDArray[Any]], Result],
) -> Callable[[Any, np.typing.NDArray[Any]], Result]:
    """Cache the results of a method by the object's ``key``; ``None`` as a key means no caching.

    Args:
        method: a method of one array, whose result depends on the key and the array only.
    """

    @lru_cache(maxsize=_MAX_RESULTS)
    def result(arguments: _Arguments) -> Result:
        return method(arguments.theory, arguments.inputs)

    @wraps(method)
    def cached(theory: Any, inputs: np.typing.NDArray[Any]) -> Result:
        if theory.key is None:
            return method(theory, inputs)
        digest = hashlib.blake2b(np.ascontiguousarray(inputs).tobytes()).digest()
        key = theory.key, inputs.shape, inputs.dtype.str, digest
        return copy.deepcopy(result(_Arguments(key, theory, inputs)))  # the caller may change it

    return cached
