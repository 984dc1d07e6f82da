"""From where on a quantity is a finding: every limit, and the reason for it.

None was fitted to runs.
"""

import math

from deltaflow.theory import TRAINABLE

KEPT = math.exp(-TRAINABLE / 2)
"""What ‖δ‖ keeps over the trainable depth 6 ξ_c of an ordered network, e⁻³ = 0.05 (Schoenholz
et al. 2017, arXiv:1611.01232, section 5). The same share of a loss, or of the weights' length,
counts as nothing."""
DECADES = -math.log10(KEPT)
"""The same as decades lost. Beyond it gradients vanish; if they are gained, they explode."""
MAJORITY = 0.5
"""Share of a layer's units, of its pre-activations, or of a loss, beyond which it is the rule."""
USUAL_UPDATE = 1e-3
"""Length of an update that trains well, relative to the weights."""
LONG_UPDATE = 1e-2
"""The same at its longest."""
FEWEST_STEPS = 50
"""Updates of the usual length that move weights by ``KEPT`` of it: before, nothing is missed."""
ANOTHER_ORDER = 10.0
"""Factor by which what is alike does not differ."""
ORDINARY_SQUARE = (1 / ANOTHER_ORDER, ANOTHER_ORDER)
"""Mean(x²) between which inputs are of ordinary size: 1 when standardised, and a factor of ten
changes the first layer's signals by as much as its initialisation does (σ_w from 0.3 to 3)."""
APART = 0.999
"""Correlation c* below which two inputs end up with a distance."""
OFF_THEORY = 1.5
"""Factor per layer between δ as measured and as predicted: over eight layers it makes e³."""
CHANCE = 0.01
"""Probability that a sound network of this size is taken for one with dead units."""
SURELY_FALLING = 4.0
"""Standard errors by which a loss must fall: chance does so once in thirty thousand times."""
DEFAULT_WIDTH = 32
"""Units of a hidden layer that is advised: the shipped network has as many."""
FEWEST_NUMBERS = 2
"""Numbers that pass a bottleneck: layers of one or two units hold fewer than inputs and target."""
MOST_OFF = 1.5
"""Times by which a training may be too short before more epochs are advised."""
MOST_EPOCHS = 100
"""Times as many epochs as are advised at most: what more would take is no advice."""


def dead_by_chance(n_units: int, n_layers: int) -> float:
    """The largest dead share that a layer has whose units are off by the flip of a coin.

    In a deep network all samples look alike, so that each rectifier is off for all or for none.

    Args:
        n_units: of the layer, in all networks.
        n_layers: of the network, one of which has so large a share by ``CHANCE``.
    """
    from scipy.stats import binom  # which takes its time

    return float(binom.isf(CHANCE / n_layers, n_units, MAJORITY)) / n_units
