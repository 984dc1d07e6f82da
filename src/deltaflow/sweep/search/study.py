"""Optuna's study, a batch of trials at a time: each batch is one launch, and so a stack.

A study lies in a storage, which is a file of the sweep unless another one is named. Whatever stops
a search, its trials are there: those under way are trained first when it goes on.
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
"""Trains runs, given their overrides and the number of the first."""


class Search:
    """A search in the directory of a sweep.

    Args:
        settings: of the search.
        space: what varies.
        sweep: configuration of the sweep.

    Raises:
        ValueError: if Optuna is not installed, or the study cannot be read, or has another goal.
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
        """The trials to train: those that an earlier command left behind, and new ones."""
        from optuna.trial import TrialState

        waiting = []
        for trial in self.study.get_trials(states=[TrialState.RUNNING, TrialState.WAITING]):
            if trial.params.keys() == self.space.keys():
                waiting.append(trial)
            else:  # it was being proposed
                self.study.tell(trial.number, state=TrialState.FAIL)
        size = self.settings.batch_size
        yield from (waiting[first : first + size] for first in range(0, len(waiting), size))
        while (n_left := self.settings.n_trials - len(self.trials)) > 0:
            yield self._proposed(min(size, n_left))

    def train(
        self, batch: Sequence["Trial | FrozenTrial"], fixed: list[str], launch: Launch
    ) -> None:
        """Train trials, each once that differs from all before, and note what they came to.

        Args:
            batch: of trials.
            fixed: overrides that they share.
            launch: trains runs.

        Raises:
            ValueError: if none of them has a result.
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
        """Whether a failed run ends it, as ``sweep.fail_fast`` asks."""
        return self.fail_fast and has_failed(self.directory)

    @property
    def trials(self) -> list["FrozenTrial"]:
        """Those that were proposed as a whole."""
        found = self.study.get_trials(deepcopy=False)
        return [trial for trial in found if trial.params.keys() == self.space.keys()]

    @property
    def record(self) -> SearchRecord:
        """What is known of it."""
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
        """New trials; what the sampler draws is a function of its seed and of their number."""
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
