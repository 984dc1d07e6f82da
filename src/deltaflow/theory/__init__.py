"""Mean-field theory of signal propagation: what a network's gradients should do, and why.

Where layers are wide, pre-activations of random networks are Gaussian, so a layer is known
by one number, their second moment q, and two inputs by one more, their correlation c. From
the activation and the variances of weights and biases follow how q, c and the error signal
δ change from layer to layer, and how deep a network can be before nothing gets through.

``gaussian``
    expectations by quadrature, kinks and all
``moments``
    what theory asks of an activation
``recursion``
    layer by layer, for a network as it is configured
``finite_width``
    how networks of so many units scatter around it
``fixed_points``
    where it ends in a deep one: phase, depth scales
``edge``, ``phase_diagram``
    where the phases meet; the whole plane of variances
``critical``
    initialisation on the edge of chaos
``phases``
    what theory found, in words
``graphs``
    residual connections, normalisation, the graph of any module
``normalized``
    fully connected networks with a normalisation
``network``
    all of it for one network, beside what is measured of its first step

>>> from torch import nn
>>> from deltaflow.nn.initializers import Xavier
>>> import numpy as np
>>> profile = predict([4, 32, 32, 32, 3], Moments(nn.Sigmoid()), Xavier(), np.ones(1))
>>> (profile.delta_norm[:-1] / profile.delta_norm[1:]).round(3)  # per layer, going back
array([0.238, 0.236])
"""

from deltaflow.theory import phases
from deltaflow.theory.critical import Critical
from deltaflow.theory.edge import Edge, edge_of_chaos
from deltaflow.theory.finite_width import FiniteWidth, finite_width
from deltaflow.theory.fixed_points import TRAINABLE, FixedPoint, basins, fixed_point
from deltaflow.theory.gaussian import Array
from deltaflow.theory.graphs import Graph, NoTheoryError, Profile, propagate, read, symbolic, trace
from deltaflow.theory.moments import Moments
from deltaflow.theory.network import Theory
from deltaflow.theory.phase_diagram import PhaseDiagram, phase_diagram
from deltaflow.theory.phases import PHASES
from deltaflow.theory.recursion import Prediction, predict, typical_variances, variances

__all__ = [
    "PHASES",
    "TRAINABLE",
    "Array",
    "Critical",
    "Edge",
    "FiniteWidth",
    "FixedPoint",
    "Graph",
    "Moments",
    "NoTheoryError",
    "PhaseDiagram",
    "Prediction",
    "Profile",
    "Theory",
    "basins",
    "edge_of_chaos",
    "finite_width",
    "fixed_point",
    "phase_diagram",
    "phases",
    "predict",
    "propagate",
    "read",
    "symbolic",
    "trace",
    "typical_variances",
    "variances",
]
