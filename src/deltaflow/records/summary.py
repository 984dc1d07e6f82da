"""``summary.json``: what was run, how it ended, and the numbers that matter."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deltaflow.records.kinds import checked_summary
from deltaflow.records.validation import WrongFieldError
from deltaflow.system.errors import UserError
from deltaflow.system.files import (
    UnusableFileError,
    create_file,
    overwrite_file,
    read_file,
    replace_file,
)
from deltaflow.system.quotation import literal

SUMMARY = "summary.json"
_WRITTEN = (
    SUMMARY, "layers.parquet", "metrics.parquet", "records", "flow.png", ".hydra", "checkpoints",
    "tensorboard", "csv", "fit-profile.txt", "validate-profile.txt", "test-profile.txt",
)  # fmt: skip
"""What a run writes. Where one of these is, something of somebody's would be overwritten."""
_LARGEST = 2**26  # bytes of a summary: one of fifty thousand replicas
_MOST_VALUES = 2**22  # of a summary; a few bytes each could be gigabytes in memory

DECIDES_NOTHING = (
    "hydra",
    "logger",
    "sweep",
    "trainer.accelerator",
    "trainer.threads",
    "trainer.profiler",
    "diagnostics.flush_seconds",
    "diagnostics.histogram_every_n_steps",
)
"""Settings that decide nothing of the records: the ``identity`` of a run leaves them out."""

SUMMARY_FIELDS = {
    "status": "running, completed, diverged (every replica), failed or interrupted",
    "error": "the message of a failed run, else null",
    "started": "when, UTC, ISO 8601",
    "wall_seconds": "from the start of the run to its end, imports not counted; null while running",
    "process": "process id",
    "host": "name of the machine",
    "command": "the command line as typed, a list",
    "overrides": "Hydra's overrides of this run, a list",
    "choices": "the option chosen in each config group, by group",
    "hyperparameters": "what one may vary to get another result, by name: the option of each "
    "group and every value of the parts, a number, a text or null; empty if settings that no run "
    "can have leave nothing to tell",
    "identity": "SHA-256 of all settings that decide the result: two runs with the same one give "
    "the same records; not those of logs, of the sweep, or of where the run computes and writes",
    "git_commit": "of the checkout, with «-dirty» if it had changes; null outside one",
    "versions": "of Python, deltaflow and the libraries it trains with",
    "table": "how the user's own table was read, null for other data: path, rows, target, and of "
    "each column its name, what it was read as, the inputs it gives, and why it was left_out",
    "device": "what it trained on",
    "n_parameters": "weights and biases of one replica",
    "n_steps": "updates made",
    "replicas": "a list, one per seed: seed, status (completed, diverged), diverged_at_step, "
    "best_epoch, final, best, test (metrics), flow (the numbers below)",
    "metrics": "final, best and test, by metric: mean, low, high (95 % interval by t over seeds, "
    "unadjusted; null for one seed), n (replicas counted: those that did not diverge)",
    "flow": "by number, as in metrics: vanishing_index, vanishing_index_weight and decay_rate, "
    "each with _start and _end, and loss_gain_start and _end; at the start every replica counts, "
    "diverged later or not",
    "theory": "null where theory says nothing: under normalisation, without a hidden layer, "
    "or before the end. Of the predicted profile of step 0: decay_rate and vanishing_index; "
    "theory_error, the RMS over hidden layers of log₁₀(measured / predicted) δ norm, measured "
    "the geometric mean over seeds; band, twice what that RMS would be if it were for finite "
    "width and the number of seeds alone; all null with `diagnostics=off`. Of more and more "
    "layers like the typical one: depth, activation and dropout as they are; weight_variance "
    "and bias_variance, σ_w² (the geometric mean) and σ_b² (the mean) of the layers between "
    "hidden layers, with one hidden layer those of another of its size; phase, ordered "
    "(gradients vanish), critical or chaotic (they explode); q, the variance that pre-"
    "activations end up with, 0 if it runs there, null if it grows without bound; chi, χ₁ "
    "there, its limit if q runs away; c, the correlation that two inputs end up with, null if q"
    " runs away or every one stays; trainable_depth, 6 ξ_c in layers, null if unlimited",
    "verdicts": "a list, most important first: findings, or the one verdict healthy; empty "
    "where nothing was measured. Of each its kind; words, for people; when it was seen (start, "
    "training, end); the layers concerned; numbers, what it rests on by quantity; overrides, what "
    "to try, with what they are predicted to lead to; leave_out, the run's own overrides that "
    "must not be given with them",
}


class DirectoryTakenError(UserError):
    """Another run has the directory."""


class EmptySummaryError(UserError):
    """A run has taken its directory, and nothing is known of it yet."""


def claim(directory: Path, summary: Mapping[str, Any]) -> None:
    """Take a directory for a run, before any other can.

    The first summary is there whole at once, so whoever finds one knows whose it is.

    Args:
        directory: the run directory; made if it is not there.
        summary: exactly the fields of ``SUMMARY_FIELDS``.

    Raises:
        DirectoryTakenError: if another run has it.
        ValueError: if a field is missing or unknown.
    """
    content = _written(summary)
    directory.mkdir(parents=True, exist_ok=True)
    taken = [name for name in _WRITTEN if os.path.lexists(directory / name)]
    try:
        if not taken:
            create_file(directory / SUMMARY, content)
            return
    except FileExistsError:
        taken = [SUMMARY]
    found = "the records of another" if SUMMARY in taken else f"`{taken[0]}`"
    raise DirectoryTakenError(
        f"A run needs a directory of its own. Found {found} in {directory}. Name a new one, or "
        "delete that."
    )


def write_summary(directory: Path, summary: Mapping[str, Any]) -> None:
    """Write ``summary.json`` in one go, NaN and infinities as null.

    Args:
        directory: the run directory.
        summary: exactly the fields of ``SUMMARY_FIELDS``.

    Raises:
        ValueError: if a field is missing or unknown.
    """
    content = _written(summary)
    path = directory / SUMMARY
    try:
        replace_file(path, content)
    except OSError:  # a full disk; but what the summary that is there takes is ours already
        overwrite_file(path, content)


def read_summary(directory: Path) -> dict[str, Any]:
    """Read ``summary.json``, whoever wrote it.

    Args:
        directory: the run directory.

    Returns:
        All of ``SUMMARY_FIELDS``, each of the kind that it must be; lists and objects that are
        null or missing are empty, other fields null.

    Raises:
        EmptySummaryError: if it is empty.
        ValueError: if there is none, it cannot be read, or a field is of another kind.
    """
    where = literal(str(directory))
    try:
        content = read_file(directory, SUMMARY, _LARGEST)
        if not content:
            raise EmptySummaryError(
                f"A {SUMMARY} must say how its run goes. Found it empty in {where}: the run has "
                "only begun, or was stopped as it did. Read it later, or run again."
            )
        if sum(content.count(mark) for mark in (b",", b"[", b"{")) > _MOST_VALUES:
            raise ValueError(f"more than {_MOST_VALUES:,} values")
        values = json.loads(content, parse_constant=lambda _: None)  # not finite: null
    except (EmptySummaryError, UnusableFileError):
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"A run directory must hold a readable {SUMMARY}. Found "
            f"{literal(' '.join(str(error).split()))[:200]} in {where}. "
            "Name a directory that train.py has written."
        ) from error
    try:
        return checked_summary(values)
    except WrongFieldError as error:
        raise UserError(
            f"A {SUMMARY} must be as train.py writes it: {error} "
            f"Leave {where} out, or run it again."
        ) from error


def _written(summary: Mapping[str, Any]) -> bytes:
    if set(summary) != set(SUMMARY_FIELDS):
        difference = sorted(set(summary) ^ set(SUMMARY_FIELDS))
        raise UserError(
            f"A summary must have the fields of SUMMARY_FIELDS. Found a difference in "
            f"{', '.join(difference)}. Document new fields there, and fill in old ones."
        )
    ordered = {name: summary[name] for name in SUMMARY_FIELDS}
    text = json.dumps(_finite(ordered), indent=2, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
