"""Trains the trials of an Optuna study in batches; each batch is one launch of Hydra.

The study is in a storage, by default a file in the sweep's directory, so a search can be resumed at
any time. The trials that were interrupted are then trained first.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from hydra.core.utils import JobReturn, JobStatus
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from deltaflow.records import SearchRecord, write_search
from deltaflow.sweep.directory import has_failed
from deltaflow.sweep.search.goal import Goal
from deltaflow.sweep.search.space import Dimension
from deltaflow.sweep.search.storage import Direction, SearchSettings, opened_study
from deltaflow.system.errors import UserError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial, Trial

Launch = Callable[[Sequence[Sequence[str]], int], Sequence[JobReturn]]
"""A function that trains runs, given their overrides and the number of the first run."""


class Search:
    """A search in the directory of a sweep.

    Raises:
        ValueError: if Optuna is not installed, or the study cannot be read or has another goal.
    """

    def __init__(
        self, settings: SearchSettings, space: Sequence[Dimension], sweep: DictConfig
    ) -> None:
        self.settings = settings
        self.space = {one.name: one for one in space}
        self.metric, self.fail_fast = sweep.sweep.optimized_metric, bool(sweep.sweep.fail_fast)
        self.direction: Direction = "maximize" if Goal.of(sweep.sweep).maximize else "minimize"
        self.directory = Path(str(sweep.hydra.sweep.dir)).absolute()
        self.study = opened_study(settings, self.directory, (self.metric, self.direction))
        self.distributions = {one.name: _distribution(one) for one in space}

    def batches(self) -> Iterator[Sequence["Trial | FrozenTrial"]]:
        """Batches of trials to train: first those that an earlier command has not finished."""
        from optuna.trial import TrialState

        waiting = []
        for trial in self.study.get_trials(states=[TrialState.RUNNING, TrialState.WAITING]):
            if trial.params.keys() == self.space.keys():
                waiting.append(trial)
            else:  # the command ended while proposing it
                self.study.tell(trial.number, state=TrialState.FAIL)
        size = self.settings.batch_size
        yield from (waiting[first : first + size] for first in range(0, len(waiting), size))
        while (n_left := self.settings.n_trials - len(self.trials)) > 0:
            yield self._proposed(min(size, n_left))

    def train(
        self, batch: Sequence["Trial | FrozenTrial"], fixed: list[str], launch: Launch
    ) -> None:
        """Train a batch of trials and store their results.

        Trials with equal settings are trained once.

        Args:
            batch: the trials.
            fixed: overrides that all trials share.
            launch: a function that trains runs.

        Raises:
            ValueError: if no trial of the batch has a result.
        """
        from optuna.trial import TrialState

        values = {_key(t): t.value for t in self.trials if t.state == TrialState.COMPLETE}
        fresh = {_key(t): [*fixed, *self._overrides(t)] for t in batch if _key(t) not in values}
        if fresh:
            returned = launch(list(fresh.values()), batch[0].number)
            for key, job in zip(fresh, returned, strict=True):
                values[key] = job.return_value if job.status == JobStatus.COMPLETED else None
        for trial in batch:
            if (value := values[_key(trial)]) is None:
                self.study.tell(trial.number, state=TrialState.FAIL)
            else:
                self.study.tell(trial.number, value)
        write_search(self.directory, self.record)
        if all(values[_key(trial)] is None for trial in batch):
            raise UserError(
                f"A search must find trials that have a result. Found none among {len(batch)} that "
                "were trained together. Correct what they failed by, which is said above."
            )

    @property
    def has_stopped(self) -> bool:
        """Whether a run has failed and ``sweep.fail_fast`` ends the search."""
        return self.fail_fast and has_failed(self.directory)

    @property
    def trials(self) -> list["FrozenTrial"]:
        """All trials of the study whose settings are complete."""
        found = self.study.get_trials(deepcopy=False)
        return [trial for trial in found if trial.params.keys() == self.space.keys()]

    @property
    def record(self) -> SearchRecord:
        """The state of the search."""
        from optuna.trial import TrialState

        done = [trial for trial in self.trials if trial.state == TrialState.COMPLETE]
        finite = [t for t in done if t.value is not None and np.isfinite(t.value)]
        sign = 1 if self.direction == "minimize" else -1
        best = min(finite, key=lambda trial: sign * (trial.value or 0.0), default=None)
        return SearchRecord(
            metric=self.metric,
            direction=self.direction,
            sampler=str(self.settings.sampler.get("_target_")).rpartition(".")[2],
            space={name: one.typed for name, one in self.space.items()},
            n_trials=self.settings.n_trials,
            n_completed=len(done),
            n_failed=sum(trial.state == TrialState.FAIL for trial in self.trials),
            best_trial=None if best is None else best.number,
            best_value=None if best is None else best.value,
            best_overrides={} if best is None else dict(
                override.split("=", 1) for override in self._overrides(best)
            ),
        )  # fmt: skip

    def _proposed(self, n: int) -> list["Trial"]:
        """New trials; they depend only on the sampler's seed and on the earlier trials."""
        from optuna.samplers import BaseSampler

        settings: Any = OmegaConf.to_container(self.settings.sampler, resolve=True)
        if isinstance(seed := settings.get("seed"), int):
            sequence = np.random.SeedSequence([seed, len(self.trials)])
            settings["seed"] = int(sequence.generate_state(1)[0])
        try:
            self.study.sampler = sampler = instantiate(settings)
            assert isinstance(sampler, BaseSampler)
            return [self.study.ask(self.distributions) for _ in range(n)]
        except Exception as error:
            said = " ".join(str(error.__cause__ or error).split())[:300]
            raise UserError(
                "`hydra.sweeper.sampler` must be able to propose trials of this space. Found "
                f"{settings.get('_target_')}: {said}. Use `hydra/sweeper/sampler=tpe`; a study "
                "that goes on keeps its lists of values."
            ) from error

    def _overrides(self, trial: "Trial | FrozenTrial") -> list[str]:
        return [self.space[name].override(trial.params[name]) for name in self.space]


def _key(trial: "Trial | FrozenTrial") -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(trial.params.items()))


def _distribution(one: Dimension) -> "BaseDistribution":
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if one.choices:
        return CategoricalDistribution(one.choices)
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), one.log, int(one.step or 1))
    return FloatDistribution(one.low, one.high, one.log, one.step)
