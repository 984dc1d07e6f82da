"""Runs all checks in order, and leaves out findings that are effects of others."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deltaflow.verdicts.evidence import Evidence, fall
from deltaflow.verdicts.findings import flow, outcome, settings, training, units
from deltaflow.verdicts.thresholds import FEWEST_STEPS, MAJORITY
from deltaflow.verdicts.verdict import Verdict

Finder = Callable[[Evidence], Verdict | None]
_FINDINGS: tuple[Finder, ...] = (  # causes before effects
    units.symmetric,
    flow.chaotic,
    flow.exploding,
    settings.unscaled,
    settings.decayed,
    settings.dropped,
    training.most_diverged,
    units.saturated_at_start,
    units.inactive_at_start,
    units.dead_at_start,
    flow.hidden_vanishing,
    flow.vanishing,
    flow.unexpected_start,
    settings.doubled,
    settings.unreachable,
    settings.clipped,
    settings.bottleneck,
    units.dead_at_end,
    training.some_diverged,
    training.violent,
    units.saturated_at_end,
    units.inactive_at_end,
    training.vanished,
    training.stalled,
)
_OUTCOMES: tuple[Finder, ...] = (  # the first that holds, for a run without any of the findings
    outcome.undertrained,
    outcome.unlike_rows,
    outcome.overfitted,
    outcome.by_heart,
    outcome.plateau,
    outcome.missed_class,
)
_SATURATED: set[Finder] = {units.saturated_at_start, units.saturated_at_end}
_OFF: set[Finder] = {units.inactive_at_start, units.inactive_at_end}
_DEAD: set[Finder] = {units.dead_at_start, units.dead_at_end}
_AT_START: set[Finder] = {flow.hidden_vanishing, flow.vanishing, flow.unexpected_start}
_STEPS: set[Finder] = {training.most_diverged, training.some_diverged, training.violent}
_SLOW: set[Finder] = {training.vanished, training.stalled}
_AT_END: set[Finder] = {
    units.dead_at_end,
    units.saturated_at_end,
    units.inactive_at_end,
    *_STEPS,
    *_SLOW,
}
_EXPLAINS: Mapping[str, set[Finder]] = {  # findings that are only effects of another
    "symmetric": {settings.bottleneck, *_OFF, *_DEAD, *_AT_START, *_SLOW},
    "chaotic": {flow.unexpected_start, *_SATURATED, *_DEAD, *_STEPS},
    "exploding": {flow.unexpected_start, *_SATURATED, *_DEAD, *_STEPS},
    "unscaled": {settings.decayed, settings.bottleneck, *_AT_END},
    "weight_decay": {settings.bottleneck, *_AT_END},
    "dropout": {settings.bottleneck, *_AT_END},
    "saturation": {*_OFF, *_AT_START, *_SLOW},
    "inactive": {*_DEAD, *_AT_START, *_SLOW},
    "dead": {*_OFF, *_AT_START, *_SLOW},
    "hidden_vanishing": {flow.unexpected_start, *_SLOW},
    "vanishing": {flow.unexpected_start, *_SLOW},
    "doubled": _SLOW,
    "unreachable": {training.violent, *_SLOW},
    "clipping": {settings.bottleneck, *_SLOW},
    "bottleneck": _AT_END,
}


def judge(evidence: Evidence) -> list[Verdict]:
    """Judge a run.

    Returns:
        The findings, most important first. A run without a finding gets ``healthy`` or
        ``partial``, and ``overfitting`` if its validation loss rises. The list is empty if the
        flow was not measured.
    """
    found = _findings(evidence)
    if found:
        return found
    if (failed := _failed_seeds(evidence)) is not None:
        return [failed]
    sound = outcome.partial(evidence) or outcome.healthy(evidence)
    return list(filter(None, [sound, sound and outcome.overfitting(evidence)]))


def _findings(evidence: Evidence) -> list[Verdict]:
    found: dict[str, Verdict] = {}
    explained: set[Finder] = set()
    for check in _FINDINGS:
        if check not in explained and (verdict := check(evidence)) and verdict.kind not in found:
            found[verdict.kind] = verdict
            explained |= _EXPLAINS.get(verdict.kind, set())
    last = None if found else next(filter(None, (check(evidence) for check in _OUTCOMES)), None)
    return [*found.values(), *([last] if last else [])]


def _failed_seeds(evidence: Evidence) -> Verdict | None:
    """Judge the seeds that explain less than half as much as the best, as a run of their own.

    Seeds whose loss still falls are left out.
    """
    shares = evidence.explained
    if len(shares) < len(evidence.surviving):  # rows are missing
        return None
    best = float(np.nanmax(shares, initial=-1.0))
    pairs = zip(evidence.surviving, shares, strict=True)
    failed = [s for s, share in pairs if share <= MAJORITY * best and not _is_late(evidence, s)]
    if not failed or evidence.n_steps < FEWEST_STEPS or not best > MAJORITY:
        return None
    cause = next(iter(_findings(evidence.for_seeds(failed))), None)
    numbers: dict[str, Any] = {"n_failed": len(failed), **evidence.counts, "best": best}
    if cause is None:
        return Verdict("failed_seeds", "end", numbers)
    return Verdict(
        "failed_seeds", "end", numbers | {"cause": cause.kind}, cause.layers, cause.advice
    )


def _is_late(evidence: Evidence, seed: int) -> bool:
    _, goes_on = fall(evidence.for_seeds([seed]).losses)
    return goes_on
