"""What is wrong with a run, most important first, in words that quote what was measured.

A finding is a departure from a definition, not from a habit: the limits below follow from what
the quantities mean, and nothing in them was fitted to runs. Each finding ends with something
to try that theory predicts to help; a run without one gets a line that says so.

``evidence``
    what a run is judged by: its records, what theory says of its network
``thresholds``
    from where on a quantity is a finding, and why
``constants``
    what a loss can be without looking at the inputs
``flow``
    gradients at the start: vanishing, exploding, chaotic
``units``
    units that are copies, saturated, off or dead
``training``
    what training did: divergence, updates too large or too small, a plateau
``better_networks``, ``step_sizes``
    what network and what step size to try instead, and what theory predicts of it
``verdict``, ``words``
    what a finding holds, and the one place that puts it into words

One limit serves for gradients: what δ keeps over the trainable depth 6 ξ_c of an ordered
network, e⁻³ = 0.05 of its norm (Schoenholz et al. 2017, arXiv:1611.01232, section 5). It is
also the share of the steepest slope below which a unit counts as saturated. For units it is
the majority of a layer, and for updates the length of the weights themselves.
"""

from collections.abc import Callable

from deltaflow.verdicts import flow, training, units
from deltaflow.verdicts.evidence import Evidence
from deltaflow.verdicts.units import copied_layers
from deltaflow.verdicts.verdict import Advice, Verdict
from deltaflow.verdicts.words import recorded, words

__all__ = ["Advice", "Evidence", "Verdict", "copied_layers", "judge", "recorded", "words"]

_FINDINGS: tuple[tuple[str, Callable[[Evidence], Verdict | None]], ...] = (  # causes before effects
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


def judge(evidence: Evidence) -> list[Verdict]:
    """The findings on a run.

    Args:
        evidence: the run.

    Returns:
        Findings, most important first; or one verdict of the kind ``healthy``; or nothing,
        where there is nothing to judge by.
    """
    found: dict[str, Verdict] = {}
    explained: set[str] = set()
    for kind, check in _FINDINGS:
        if kind not in found and kind not in explained and (verdict := check(evidence)):
            found[kind] = verdict
            explained |= _EXPLAINS.get(kind, set())
    if found:
        return list(found.values())
    only = training.plateau(evidence) or training.healthy(evidence)
    return [only] if only else []
