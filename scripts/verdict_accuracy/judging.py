"""What is found in a network, and what becomes of it with the advice of the first finding."""

import math
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch.nn.functional import one_hot

from deltaflow.config.composition.runs import compose_run
from deltaflow.experiment.building import assembly
from deltaflow.experiment.planning.plan import RunPlan
from deltaflow.experiment.run import run_alone
from deltaflow.system.errors import UserError
from verdict_accuracy import Network
from verdict_accuracy.draws import Overrides

LEARNT = 0.5
"""Share of the best constant output's training loss that is gone where a network has learnt."""
LEARNT_OF_OTHERS = 0.25
"""The same of the validation loss: a linear model takes away about a third of it on diabetes."""
MAX_ADVICE = 3
_WHOLE = ("init", "activation", "network", "optimizer", "scheduler")
"""Groups whose values go when the option does."""


@dataclass(frozen=True)
class Outcome:
    """What came of training a network.

    Attributes:
        verdicts: as in the summary, the first one first.
        explained: the share of the best constant output's training loss that is gone at the end,
            without dropout, the median over seeds; below 0 if the network is worse.
        held_out: the same of the validation loss, at its best epoch; NaN without such rows.
    """

    verdicts: Sequence[Mapping[str, Any]]
    explained: float
    held_out: float = math.nan

    @property
    def finding(self) -> Mapping[str, Any] | None:
        """The first verdict that finds a fault."""
        found = (v for v in self.verdicts if v["kind"] not in ("healthy", "partial"))
        return next(found, None)

    @property
    def kind(self) -> str:
        """Of the first finding."""
        return "none" if self.finding is None else str(self.finding["kind"])

    @property
    def learns(self) -> bool:
        """Whether the losses of training and validation rows are far below the constant's."""
        return self.explained > LEARNT and not self.held_out <= LEARNT_OF_OTHERS


@dataclass(frozen=True)
class Judged:
    """A network, what was found, and what the advice did.

    Attributes:
        network: as it was drawn.
        before: what came of it.
        then: what came of it with the advice of its first finding, and with that of the first
            finding on this, and so on until it learns; empty if not tried.
    """

    network: Network
    before: Outcome
    then: tuple[Outcome, ...] = ()

    @property
    def is_right(self) -> bool:
        """Whether the first finding is the fault, or a healthy network has none."""
        recipe, finding = self.network.recipe, self.before.finding
        if recipe.is_healthy or finding is None:  # a sound network may learn its rows by heart
            return recipe.is_healthy and self.before.kind in ("none", "overfitting")
        keys = [change.split("=")[0].lstrip("+") for change in finding["overrides"]]
        return finding["kind"] in recipe.kinds or any(
            key == setting or key.startswith(f"{setting}.")
            for key in keys
            for setting in recipe.settings
        )

    @property
    def is_helped(self) -> bool:
        """Whether the network learns in the end, no less than before, and lost the finding."""
        if not self.then:
            return False
        last = self.then[-1]
        kept = self.before.kind in [verdict["kind"] for verdict in last.verdicts]
        return last.learns and last.explained > self.before.explained - 0.05 and not kept

    @property
    def is_helped_at_once(self) -> bool:
        """Whether it does with the advice of the first finding alone."""
        return self.is_helped and len(self.then) == 1


def judge(network: Network, with_advice: bool = False) -> Judged:
    """Train a network and see what is found.

    Args:
        network: to be judged.
        with_advice: train it again as the first finding advises, and so on until it learns or a
            finding comes back, at most three times.
    """
    last = before = _outcome(network.overrides)
    overrides, seen = network.overrides, set[str]()
    then: list[Outcome] = []
    while with_advice and last.finding and last.kind not in seen and len(then) < MAX_ADVICE:
        seen.add(last.kind)
        overrides = advised(overrides, last.finding["overrides"], last.finding["leave_out"])
        try:
            last = _outcome(overrides) if last.finding["overrides"] else last
        except UserError:  # advice that no run can follow
            break
        then.append(last)
        if last.learns:
            break
    return Judged(network, before, tuple(then))


def advised(
    overrides: Mapping[str, str], advice: Sequence[str], leave_out: Sequence[str] = ()
) -> Overrides:
    """The overrides of a run changed as a finding says.

    Args:
        overrides: by key.
        advice: overrides to try.
        leave_out: overrides of the run to leave out then.

    Returns:
        Overrides; those of an option that was replaced are gone.

    >>> advice = ["activation=tanh", "init=xavier"]
    >>> advised({"activation": "relu", "init": "normal", "init.sigma_w": "1.0"}, advice)
    {'activation': 'tanh', 'init': 'xavier'}
    """
    changes = {key.lstrip("+"): value for key, value in (one.split("=", 1) for one in advice)}
    gone = tuple(f"{group}." for group in _WHOLE if group in changes)
    unwanted = {one.split("=")[0].lstrip("+") for one in leave_out}
    if {"network.depth", "network.width"} & set(changes):
        unwanted.add("network.hidden_sizes")
    kept, settings = {}, {}
    for key, value in overrides.items():
        bare = key.lstrip("+")
        if bare in changes:
            settings[key] = changes.pop(bare)
        elif bare not in unwanted and not bare.startswith(gone):
            kept[key] = value
    return kept | settings | changes


def _outcome(overrides: Mapping[str, str]) -> Outcome:
    typed = [*(f"{key}={value}" for key, value in overrides.items()), "logger=none"]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a doubled softmax warns, as it should
        config, choices = compose_run(typed, Path(folder))
        done = run_alone(RunPlan(config, Path(folder) / "run", choices))
        assert done.network is not None
        data = assembly.datamodule(config)
        objective = assembly.module(config, data).objective
        n_rows = data.n_rows[0]
        x, target = data.probe(n_rows), data.training_targets(n_rows)
        with torch.no_grad():
            output = done.network(x)
            loss = objective.sample_loss(output, target.expand(len(output), *target.shape))
        constant = _best_constant(output, target, config.loss._target_.rpartition(".")[2])
        explained = (1 - loss.double().mean(1) / constant).nan_to_num(-torch.inf)
    validation = done.metrics.filter(split="validation").group_by("seed").agg(pl.col("loss").min())
    lowest = torch.tensor(validation["loss"].to_list()).nan_to_num(torch.inf)
    held_out = (1 - lowest / constant).median().item() if len(lowest) else math.nan
    return Outcome(done.summary["verdicts"], explained.median().item(), held_out)


def _best_constant(output: torch.Tensor, target: torch.Tensor, objective: str) -> float:
    """The loss of the best constant output, from the shares of the classes or the variance."""
    n_outputs = output.shape[-1]
    if not target.is_floating_point():
        target = one_hot(target, n_outputs) if n_outputs > 1 else target.unsqueeze(-1)
    target = target.double()
    mean = target.mean(0)
    if objective == "CrossEntropy":
        return float(torch.special.entr(mean).sum())
    if objective == "BinaryCrossEntropy":
        return float((torch.special.entr(mean) + torch.special.entr(1 - mean)).mean())
    return float((target - mean).square().mean())
