"""The fields of ``summary.json``: their names, types and meanings are defined only here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args

from deltaflow.records.decoding import WrongFieldError
from deltaflow.records.details import (
    Confusion,
    Fit,
    Numbers,
    TableReading,
    TheorySummary,
    VerdictRecord,
)
from deltaflow.system.processes import is_process_alive

Status = Literal["completed", "diverged", "failed", "interrupted", "running"]
_MAX_FOLDS = 1_000_000
STATUSES: tuple[str, ...] = get_args(Status)
"""The statuses that a run may have, the best first."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95 % interval.

    Attributes:
        mean: the mean; ``None`` if there is no value.
        low: lower end of the interval; ``None`` if there are fewer than two values.
        high: upper end of the interval.
        n: number of seeds counted.
        alike: whether there are several values and all are equal.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    alike: bool = False


Intervals = Mapping[str, Interval]


@dataclass(frozen=True)
class Replica:
    """The results of one replica: its metrics at three moments, and its flow numbers."""

    seed: int
    status: Literal["completed", "diverged"]
    diverged_at_step: int | None
    best_epoch: int | None
    final: Numbers
    best: Numbers
    test: Numbers
    flow: Numbers
    stopped_at_step: int | None = None
    fold: int = 0

    @property
    def has_diverged(self) -> bool:
        """Whether the replica's loss or weights became infinite or NaN."""
        return self.status == "diverged"

    def numbers(self, part: str) -> Numbers:
        """The numbers of a part: ``final``, ``best``, ``test`` or ``flow``."""
        numbers: Numbers = getattr(self, part)
        return numbers

    def counts(self, name: str) -> bool:
        """Whether a mean over seeds includes this number of the replica.

        Numbers at the start are included for all replicas: those that do not diverge later are
        those with the smallest δ, so they alone would be a biased sample.
        """
        return name.endswith("_start") or not self.has_diverged


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The content of ``summary.json``. The annotations give the fields' meanings."""

    status: Annotated[Status, "running, completed, diverged (every replica), failed or interrupted"]
    error: Annotated[str | None, "the message of a failed run, else null"] = None
    started: Annotated[str | None, "time of the start, UTC, ISO 8601"] = None
    wall_seconds: Annotated[
        float | None,
        "time from start to end, without imports; of a stack the run's share; null before the end",
    ] = None
    process: Annotated[int | None, "process id"] = None
    host: Annotated[str | None, "name of the machine"] = None
    command: Annotated[Sequence[str], "the command line as typed, a list"] = field(
        default_factory=list
    )
    overrides: Annotated[  # each may be an axis of a report
        Sequence[str], 500, "Hydra's overrides of this run, a list"
    ] = field(default_factory=list)
    choices: Annotated[
        Mapping[str, str | None], "the option chosen in each config group, by group"
    ] = field(default_factory=dict)
    hyperparameters: Annotated[
        Mapping[str, bool | str | float | None],
        "the settings that change the result, by name: the option of each group and every value "
        "of the parts, a number, a text or null; empty if the settings are not valid",
    ] = field(default_factory=dict)
    identity: Annotated[
        str | None,
        "SHA-256 of all settings that decide the result: two runs with the same one give the same "
        "records. Settings of logs, of the sweep, of the device and of directories do not count",
    ] = None
    git_commit: Annotated[
        str | None, "commit of the checkout, with «-dirty» if it had changes; null outside one"
    ] = None
    versions: Annotated[
        Mapping[str, str | None], "versions of Python, deltaflow and the libraries it trains with"
    ] = field(default_factory=dict)
    table: Annotated[
        TableReading | None,
        "how the user's table was read, null for other data: path, rows, rows_left_out because of "
        "a gap, targets, and for each column its name, what it was read as, the number of inputs, "
        "and why it was left_out",
    ] = None
    device: Annotated[str | None, "name of the device that trained it"] = None
    n_parameters: Annotated[int | None, "number of weights and biases of one replica"] = None
    n_steps: Annotated[int | None, "number of updates"] = None
    layers: Annotated[
        Sequence[str], 10**5, "names of the layers of a watched model, in order; else empty"
    ] = field(default_factory=list)
    stack: Annotated[
        Sequence[str], "all runs of the stack that it was trained in; empty if trained alone"
    ] = field(default_factory=list)
    rows: Annotated[
        Mapping[str, int],
        "number of rows in the parts train, validation and test; empty before the end",
    ] = field(default_factory=dict)
    folds: Annotated[
        int, "number of splits of the rows, from `data.folds`, `data.split_seeds` or both; every "
        "seed has a replica for each"
    ] = 1  # fmt: skip
    largest_class: Annotated[
        float | None,
        "share of the largest class in the training part, of the first fold if there are several; "
        "null for numbers",
    ] = None
    class_weights: Annotated[
        Mapping[str, float],
        "weight in the loss of a sample of each class, 1 on average over the training rows, of "
        "the first fold if there are several; empty if all count alike, and for numbers",
    ] = field(default_factory=dict)
    confusion: Annotated[
        Confusion | None,
        "confusion matrix for up to 20 classes, else null: the part of the data, the classes, and "
        "counts, a row for each true class and a column for each predicted class, summed over all "
        "seeds that did not diverge",
    ] = None
    fit: Annotated[
        Fit | None,
        "for numbers, else null: the part of the data, and for each target its name, r2 and rmse "
        "(in the units of the target), the mean over all seeds that did not diverge",
    ] = None
    replicas: Annotated[
        Sequence[Replica],
        10**6,
        "a list, one per seed and fold: seed, status (completed, diverged), diverged_at_step, "
        "best_epoch, final, best, test (metrics), flow (the numbers below), stopped_at_step (the "
        "updates after which early stopping ended it, else null), fold",
    ] = field(default_factory=list)
    metrics: Annotated[
        Mapping[str, Intervals],
        "final, best and test, by metric: mean, low, high (95 % interval over seeds, unadjusted, "
        "by t, or Korn and Graubard's for shares of rows; over folds by Nadeau and Bengio's "
        "corrected t, and over both; null for one replica), n (replicas "
        "counted: those that did not diverge), alike (whether all of several are the same)",
    ] = field(default_factory=dict)
    flow: Annotated[
        Intervals,
        "by number, as in metrics: vanishing_index, vanishing_index_weight, decay_rate and "
        "loss_gain, each with _start and _end; of the last two the geometric mean, without those "
        "that are 0; at the start every replica counts, diverged later or not",
    ] = field(default_factory=dict)
    theory: Annotated[
        TheorySummary | None,
        "null where theory says nothing: without a hidden layer, or before the end; of a "
        "watched model, `nothing` says why. Normalization is that of the network, and band is "
        "null under it. Of the predicted profile of step 0: decay_rate and vanishing_index; "
        "theory_error, the RMS over hidden layers of log₁₀(measured / predicted) δ norm, "
        "measured the geometric mean over seeds; band, twice what that RMS would be if it were "
        "for finite width and the number of seeds alone; all null with `diagnostics=off`. Of "
        "more and more layers like the typical one: depth, activation and dropout as they are; "
        "weight_variance and bias_variance, σ_w² (the geometric mean) and σ_b² (the mean) of "
        "the layers between hidden layers, with one hidden layer those of another of its size; "
        "phase, ordered (gradients vanish), critical or chaotic (they explode); q, the variance "
        "that pre-activations end up with, 0 if it runs there, null if it grows without bound; "
        "chi, χ₁ there, its limit if q runs away; c, the correlation that two inputs end up "
        "with, null if q runs away or every one stays; trainable_depth, 6 ξ_c in layers, null "
        "if unlimited",
    ] = None
    verdicts: Annotated[
        Sequence[VerdictRecord],
        "a list, most important first: findings, or healthy or partial, with overfitting behind it "
        "where the validation loss turned; empty where nothing was measured. Of each its kind; "
        "words, for people; when it was seen (start, training, end); the layers concerned; "
        "numbers, what it rests on by quantity; overrides, what to try, with what they are "
        "predicted to lead to; leave_out, the run's own overrides that must not be given with them",
    ] = field(default_factory=list)

    @property
    def n_folds(self) -> int:
        """Number of folds per seed; 1 if the replicas do not fit ``folds``."""
        n_seeds = len({replica.seed for replica in self.replicas})
        if not 1 <= self.folds <= _MAX_FOLDS or n_seeds * self.folds != len(self.replicas):
            return 1 if self.replicas or self.folds < 1 else min(self.folds, _MAX_FOLDS)
        return self.folds

    @property
    def n_diverged(self) -> int:
        """Number of replicas that diverged."""
        return sum(replica.has_diverged for replica in self.replicas)

    def is_alive(self, directory: Path) -> bool:
        """Whether the run is training, as far as can be told; see :func:`is_process_alive`."""
        return self.status == "running" and is_process_alive(
            self.process, self.host, self.started, directory
        )

    def __post_init__(self) -> None:
        if len({(replica.seed, replica.fold) for replica in self.replicas}) < len(self.replicas):
            raise WrongFieldError("replicas", "of one seed each", "the same seed twice")
