"""What is wrong with a run, most important first, in words that quote what was measured.

A finding is a departure from a definition, not from a habit: the limits below follow from what
the quantities mean, and nothing in them was fitted to runs. Each finding ends with something
to try that theory predicts to help; a run without one gets a line that says so.

``case``
    what a run is judged by: its records, what theory says of its network
``constants``
    what a loss can be without looking at the inputs
``flow``
    gradients at the start: vanishing, exploding, chaotic
``units``
    units that are copies, saturated, off or dead
``training``
    what training did: divergence, updates too large or too small, a plateau
``remedies``
    what network to try instead, and what theory predicts of it
``steps``
    what step size to try instead

One limit serves for gradients: what δ keeps over the trainable depth 6 ξ_c of an ordered
network, e⁻³ = 0.05 of its norm (Schoenholz et al. 2017, arXiv:1611.01232, section 5). It is
also the share of the steepest slope below which a unit counts as saturated. For units it is
the majority of a layer, and for updates the length of the weights themselves.
"""

from collections.abc import Callable

from deltaflow.verdicts import flow, training, units
from deltaflow.verdicts.case import Case, Verdict
from deltaflow.verdicts.units import copied_layers

__all__ = ["Case", "Verdict", "copied_layers", "judge"]

_FINDINGS: tuple[tuple[str, Callable[[Case], str | None]], ...] = (  # causes before effects
    ("symmetric", units.symmetric),
    ("chaotic", flow.chaotic),
    ("exploding", flow.exploding),
    ("divergence", training.most_diverged),
    ("saturation", units.saturated_at_start),
    ("inactive", units.inactive_at_start),
    ("dead", units.dead_at_start),
    ("hidden_vanishing", flow.hidden_vanishing),
    ("vanishing", flow.vanishing),
    ("doubled", training.doubled),
    ("dead", units.dead_at_end),
    ("divergence", training.some_diverged),
    ("violent", training.violent),
    ("saturation", units.saturated_at_end),
    ("inactive", units.inactive_at_end),
    ("vanishing", training.vanished),
    ("stalled", training.stalled),
)
_EXPLAINS = {  # findings that are but the effects of another
    "symmetric": {"inactive", "dead", "hidden_vanishing", "vanishing", "stalled"},
    "chaotic": {"saturation", "divergence", "violent", "dead"},
    "exploding": {"saturation", "divergence", "violent", "dead"},
    "doubled": {"stalled"},
    "saturation": {"inactive", "hidden_vanishing", "vanishing", "stalled"},
    "inactive": {"dead", "hidden_vanishing", "vanishing", "stalled"},
    "dead": {"inactive", "hidden_vanishing", "vanishing", "stalled"},
    "hidden_vanishing": {"stalled"},
    "vanishing": {"stalled"},
}


def judge(case: Case) -> list[Verdict]:
    """The findings on a run.

    Args:
        case: the run.

    Returns:
        Findings, most important first; or one verdict of the kind ``healthy``; or nothing,
        where there is nothing to judge by.
    """
    found: dict[str, str] = {}
    explained: set[str] = set()
    for kind, check in _FINDINGS:
        if kind not in found and kind not in explained and (words := check(case)):
            found[kind] = words
            explained |= _EXPLAINS.get(kind, set())
    if not found and (words := training.plateau(case)):
        found["plateau"] = words
    if not found and (words := flow.healthy(case)):
        found["healthy"] = words
    return [Verdict(kind, words) for kind, words in found.items()]
