"""``search.json``: what a search tried, and what it came to so far."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from deltaflow.records.decoding import decode
from deltaflow.system.files import read_file, replace_file

SEARCH = "search.json"
_LARGEST = 2**20  # bytes


@dataclass(frozen=True)
class SearchRecord:
    """A search: its goal, its space, its trials. Annotations give the meaning."""

    metric: Annotated[
        str | None, "what is searched for, as `sweep.optimized_metric`; null for the first metric"
    ]
    direction: Annotated[Literal["maximize", "minimize"], "whether more of it is better"]
    sampler: Annotated[str, "what proposes trials"]
    space: Annotated[Mapping[str, str], "what varies: values as typed, by setting"]
    n_trials: Annotated[int, "trials that were asked for"]
    n_completed: Annotated[int, "trials with a result"]
    n_failed: Annotated[int, "trials without one"]
    best_trial: Annotated[int | None, "number of the best trial; null if none has a finite result"]
    best_value: Annotated[float | None, "its result: the mean over seeds"]
    best_overrides: Annotated[Mapping[str, str], "its settings"]


SEARCH_FIELDS: dict[str, str] = {
    name: hint.__metadata__[-1]
    for name, hint in get_type_hints(SearchRecord, include_extras=True).items()
}
"""The meaning of each field, by name."""


def write_search(sweep: Path, record: SearchRecord) -> None:
    """Write what is known of a search into its sweep's directory."""
    replace_file(sweep / SEARCH, f"{json.dumps(asdict(record), indent=2)}\n".encode())


def read_search(sweep: Path) -> SearchRecord | None:
    """What is known of the search in a sweep's directory, whoever wrote it.

    Returns:
        The record; ``None`` if there is none that can be read.
    """
    with suppress(OSError, ValueError, RecursionError):
        content: Any = json.loads(read_file(sweep, SEARCH, _LARGEST))
        return decode(SearchRecord, content)
    return None
