"""Puts verdicts and advice into words.

>>> advice_words(Advice(("init=he",), {"rate": 1}))
'Try init=he, predicted ×1 per layer.'
"""

import math
from collections.abc import Mapping
from typing import Any

from deltaflow.system.wording import many
from deltaflow.verdicts.verdict import Advice, Sentence, Verdict
from deltaflow.verdicts.words import network, outcome, settings, training


def words(verdict: Verdict) -> str:
    """A verdict in one or a few sentences."""
    said = _SENTENCES[verdict.kind]
    found = said.format_map(verdict.numbers) if isinstance(said, str) else said(verdict)
    return found if verdict.advice is None else f"{found} {advice_words(verdict.advice)}"


def recorded(verdict: Verdict, said: str | None = None) -> dict[str, Any]:
    """A verdict as a JSON object for the summary.

    Args:
        verdict: the verdict.
        said: its words; ``None`` for those of this module.
    """
    advice = verdict.advice or Advice()
    return {
        "kind": verdict.kind,
        "words": words(verdict) if said is None else said,
        "when": verdict.when,
        "layers": list(verdict.layers),
        "numbers": dict(verdict.numbers),
        "overrides": list(advice.overrides),
        "leave_out": list(advice.leave_out),
        "predicted": dict(advice.predicted),
    }


_PREDICTED = {  # by quantity, in the order of importance
    "rate": "predicted ×{:.3g} per layer",
    "saturated": "predicted {:.0%} saturated",
    "scatter": "predicted ±{:.1f}",
    "layers_to_cross": "where δ has one layer to cross",
    "first_update": "predicted first update {:.1g} of the weights' length",
    "update": "predicted update {:.1g}",
    "input_second_moment": "predicted mean(x²) = {:.3g}",
    "target_second_moment": "predicted mean(y²) = {:.3g}",
    "floor": "predicted floor {:.3g}",
    "delta_factor": "predicted δ ×{:.2g}",
    "delta": "predicted δ {:.2g}",
}
_WHY = {"activation=leaky": ", whose units cannot die"}


def advice_words(advice: Advice) -> str:
    """Advice in a sentence, with its prediction."""
    basis = advice.basis
    if "step_divided_by" in basis:
        return f"Try a step size {basis['step_divided_by']:g} times smaller."
    if not advice.overrides:
        return "Try a larger step size."
    predicted = "".join(f", {_PREDICTED[name].format(n)}" for name, n in advice.predicted.items()
                        if math.isfinite(n))  # fmt: skip
    instead = f" instead of {size:.3g}" if (size := basis.get("input_second_moment")) else ""
    before = ""
    if "scatter" in basis:
        units = many(basis["narrowest"], "unit")
        before = f"Layers of {units} scatter by about ±{basis['scatter']:.1f} decades. "
    other = "".join(f", or {o}{_WHY.get(o, '')}" for o in advice.alternatives)
    without = f" Leave out {' '.join(advice.leave_out)}." if advice.leave_out else ""
    return f"{before}Try {' '.join(advice.overrides)}{predicted}{instead}{other}.{without}"


_SENTENCES: Mapping[str, Sentence] = {
    **network.SENTENCES, **settings.SENTENCES, **training.SENTENCES, **outcome.SENTENCES
}  # fmt: skip
