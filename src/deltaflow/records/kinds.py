"""The kinds of the fields of a summary, checked wherever one is read."""

from typing import Any

from deltaflow.records.validation import (
    WrongFieldError,
    count,
    fields,
    listing,
    mapping,
    maybe,
    number,
    one_of,
    primitive,
    text,
)

STATUSES = ("completed", "diverged", "failed", "interrupted", "running")
"""How a run stands, the best first."""

_MOST_OVERRIDES = 500  # each may be an axis of a report
_MOST_REPLICAS = 1_000_000

_NUMBERS = mapping(maybe(number))
_INTERVALS = mapping(fields(mean=maybe(number), low=maybe(number), high=maybe(number), n=count))

_REPLICA = fields(
    seed=count,
    status=one_of("completed", "diverged"),
    diverged_at_step=maybe(count),
    best_epoch=maybe(count),
    final=_NUMBERS,
    best=_NUMBERS,
    test=_NUMBERS,
    flow=_NUMBERS,
)
_COLUMN = fields(name=text, read_as=maybe(text), inputs=count, left_out=maybe(text))
_THEORY = fields(
    activation=maybe(text),
    phase=maybe(text),
    depth=maybe(count),
    **{
        name: maybe(number)
        for name in (
            "dropout", "weight_variance", "bias_variance", "q", "chi", "c", "trainable_depth",
            "decay_rate", "vanishing_index", "theory_error", "band",
        )
    },
)  # fmt: skip


def _replicas(value: Any, name: str) -> Any:
    """Each of a seed of its own."""
    found = listing(_REPLICA, _MOST_REPLICAS)(value, name)
    if len({replica["seed"] for replica in found}) < len(found):
        raise WrongFieldError(name, "of one seed each", "the same seed twice")
    return found


FIELDS = {
    "status": one_of(*STATUSES),
    "error": maybe(text),
    "started": maybe(text),
    "wall_seconds": maybe(number),
    "process": maybe(count),
    "host": maybe(text),
    "command": listing(text),
    "overrides": listing(text, _MOST_OVERRIDES),
    "choices": mapping(maybe(text)),
    "hyperparameters": mapping(maybe(primitive)),
    "identity": maybe(text),
    "git_commit": maybe(text),
    "versions": mapping(maybe(text)),
    "table": maybe(fields(path=text, rows=count, target=text, columns=listing(_COLUMN, 10**6))),
    "device": maybe(text),
    "n_parameters": maybe(count),
    "n_steps": maybe(count),
    "replicas": _replicas,
    "metrics": mapping(_INTERVALS),
    "flow": _INTERVALS,
    "theory": maybe(_THEORY),
    "verdicts": listing(
        fields(
            kind=text,
            words=text,
            when=maybe(text),
            layers=listing(count),
            numbers=mapping(maybe(primitive)),
            overrides=listing(text),
            leave_out=listing(text),
            predicted=mapping(maybe(number)),
        )
    ),
}
"""Of each of ``SUMMARY_FIELDS``, the check."""


def checked_summary(value: Any) -> dict[str, Any]:
    """All fields of a summary that anybody may have written.

    Args:
        value: as JSON has it.

    Returns:
        Each of ``FIELDS``, whole.

    Raises:
        WrongFieldError: for the first that is not what it must be.
    """
    found: dict[str, Any] = fields(**FIELDS)(value, "")
    return found
