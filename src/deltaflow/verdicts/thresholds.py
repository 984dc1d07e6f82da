"""The limits of all findings, with reasons. None was fitted to runs."""

import math

from deltaflow.theory import TRAINABLE

NEGLIGIBLE = math.exp(-TRAINABLE / 2)
"""The share of ‖δ‖ that is left over the trainable depth 6 ξ_c of an ordered network, e⁻³ = 0.05
(Schoenholz et al. 2017, arXiv:1611.01232, section 5). The same share of a loss, or of the weights'
length, is taken to be negligible."""
DECADES = -math.log10(NEGLIGIBLE)
"""The same in decades: gradients that lose more vanish, and gradients that gain more explode."""
MAJORITY = 0.5
"""Share of units, pre-activations, seeds or a loss that counts as most of them."""
USUAL_UPDATE = 1e-3
"""Length of an update that trains well, relative to the weights."""
LONG_UPDATE = 1e-2
"""Length of the longest updates that train well, relative to the weights."""
FEWEST_STEPS = 50
"""Number of usual updates that move weights by a negligible share; fewer are not judged."""
ORDER_OF_MAGNITUDE = 10.0
"""Factor between quantities that are of different orders of magnitude."""
ORDINARY_SQUARE = (1 / ORDER_OF_MAGNITUDE, ORDER_OF_MAGNITUDE)
"""Range of mean(x²) of ordinary inputs. It is 1 if they are standardised, and a factor of ten
changes the first layer's signals as much as σ_w from 0.3 to 3 does."""
DECORRELATED = 0.999
"""Correlation c* below which two inputs stay distinct."""
OFF_THEORY = 1.5
"""Factor per layer between measured and predicted δ; over eight layers it is e³."""
CHANCE = 0.01
"""Probability that a sound network gets a finding on dead units."""
SURELY_FALLING = 4.0
"""Standard errors by which a loss must fall; chance does so once in 30,000 cases."""
DEFAULT_WIDTH = 32
"""Number of units that advice gives a hidden layer, as in the default configuration."""
BOTTLENECK_UNITS = 2
"""Largest number of units of a layer that counts as a bottleneck."""
MAX_SHORTFALL = 1.5
"""Factor by which training may be too short before more epochs are advised."""
MAX_EPOCHS = 100
"""Largest factor by which advice multiplies the number of epochs."""


def dead_by_chance(n_units: int, n_layers: int) -> float:
    """The largest share of dead units that chance explains in a layer.

    In a deep network all samples become alike, so each rectifier is off for all samples with
    probability ½. The share is exceeded in one of the layers with probability ``CHANCE``.

    Args:
        n_units: number of units of the layer, in all replicas together.
        n_layers: number of layers of the network.
    """
    from scipy.stats import binom  # here, because its import is slow

    return float(binom.isf(CHANCE / n_layers, n_units, MAJORITY)) / n_units
