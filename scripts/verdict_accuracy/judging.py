"""What is found in a network, and what becomes of it with the advice of the first finding."""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import one_hot

from deltaflow.config.composition import compose_run
from deltaflow.experiment import assembly
from deltaflow.experiment.plan import RunPlan
from deltaflow.experiment.run import run_alone
from deltaflow.system.errors import UserError
from verdict_accuracy import Network
from verdict_accuracy.draws import Overrides

_WHOLE = ("init", "activation", "network", "optimizer", "scheduler")
"""Groups whose values go when the option does."""


@dataclass(frozen=True)
class Outcome:
    """What came of training a network.

    Attributes:
        verdicts: as in the summary, the first one first.
        explained: the share of the best constant output's training loss that is gone, the median
            over seeds; below 0 if the network is worse.
    """

    verdicts: Sequence[Mapping[str, Any]]
    explained: float

    @property
    def finding(self) -> Mapping[str, Any] | None:
        """The first verdict that finds a fault."""
        found = (v for v in self.verdicts if v["kind"] not in ("healthy", "partial"))
        return next(found, None)

    @property
    def kind(self) -> str:
        """Of the first finding."""
        return "none" if self.finding is None else str(self.finding["kind"])


@dataclass(frozen=True)
class Judged:
    """A network, what was found, and what the advice did.

    Attributes:
        network: as it was drawn.
        before: what came of it.
        after: what came of it with the advice of its first finding; ``None`` if not tried.
    """

    network: Network
    before: Outcome
    after: Outcome | None = None

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
        """Whether the advised network has learnt, no less than before, and lost the finding."""
        before, after = self.before, self.after
        if after is None:
            return False
        has_learnt = after.explained > max(0.5, before.explained - 0.05)
        return has_learnt and before.kind not in [verdict["kind"] for verdict in after.verdicts]


def judge(network: Network, with_advice: bool = False) -> Judged:
    """Train a network and see what is found.

    Args:
        network: to be judged.
        with_advice: train it again as the first finding advises.

    Returns:
        What was found.
    """
    before = _outcome(network.overrides)
    finding = before.finding
    if not with_advice or finding is None or not finding["overrides"]:
        return Judged(network, before)
    after = advised(network.overrides, finding["overrides"], finding["leave_out"])
    try:
        return Judged(network, before, _outcome(after))
    except UserError:  # advice that no run can follow
        return Judged(network, before)


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
    return Outcome(done.summary["verdicts"], explained.median().item())


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
