"""``search.json``: the goal, the space and the best trial of a search."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from deltaflow.records.decoding import decode
from deltaflow.system.files import read_file, replace_file

SEARCH = "search.json"
_LARGEST = 2**20  # bytes


@dataclass(frozen=True)
class SearchRecord:
    """The state of a search. The annotations give the fields' meanings."""

    metric: Annotated[
        str | None,
        "the metric that is optimised, `sweep.optimized_metric`; null for the run's first",
    ]
    direction: Annotated[Literal["maximize", "minimize"], "whether a larger value is better"]
    sampler: Annotated[str, "the sampler, which proposes trials"]
    space: Annotated[Mapping[str, str], "the values of each setting that varies, as typed"]
    n_trials: Annotated[int, "number of trials that were asked for"]
    n_completed: Annotated[int, "number of trials with a result"]
    n_failed: Annotated[int, "number of trials without a result"]
    best_trial: Annotated[int | None, "number of the best trial; null if none has a finite result"]
    best_value: Annotated[float | None, "result of the best trial, the mean over seeds"]
    best_overrides: Annotated[Mapping[str, str], "settings of the best trial"]


def write_search(sweep: Path, record: SearchRecord) -> None:
    """Write ``search.json`` into the directory of the sweep."""
    replace_file(sweep / SEARCH, f"{json.dumps(asdict(record), indent=2)}\n".encode())


def read_search(sweep: Path) -> SearchRecord | None:
    """Read ``search.json`` from the directory of a sweep; the file is not trusted.

    Returns:
        The record; ``None`` if there is no file or it is not valid.
    """
    with suppress(OSError, ValueError, RecursionError):
        content: Any = json.loads(read_file(sweep, SEARCH, _LARGEST))
        return decode(SearchRecord, content)
    return None
