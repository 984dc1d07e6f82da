"""Mean-field theory of signal propagation: predicts how signals and gradients change with depth.

In random networks with wide layers, pre-activations are Gaussian. So a layer is described by their
second moment q, and two inputs by one more number, their correlation c. The activation and the
variances of weights and biases determine how q, c and the error signal δ change from layer to
layer, and how deep a network can be trained.

``expectations``
    Gaussian moments of an activation
``recursion``
    the prediction layer by layer for a given network
``finite_width``
    the scatter of networks of finite width around the prediction
``fixed_points``
    the limit of deep networks: phases, depth scales, and the edge of chaos
``critical``
    initialisation on the edge of chaos
``phases``
    results in words
``graphs``
    residual connections, normalisation, the graph of any module
``normalized``
    fully connected networks with a normalisation
``network``
    all predictions for one network, and for its first step; ``caching`` keeps them

>>> from torch import nn
>>> from deltaflow.nn.initializers import Xavier
>>> import numpy as np
>>> profile = predict([4, 32, 32, 32, 3], Moments(nn.Sigmoid()), Xavier(), np.ones(1))
>>> (profile.delta_norm[:-1] / profile.delta_norm[1:]).round(3)  # per layer, going back
array([0.238, 0.236])
"""

from deltaflow.theory import phases
from deltaflow.theory.critical import Critical
from deltaflow.theory.expectations.gaussian import Array
from deltaflow.theory.expectations.moments import Moments
from deltaflow.theory.finite_width import FiniteWidth, finite_width
from deltaflow.theory.fixed_points.edge import Edge, edge_of_chaos
from deltaflow.theory.fixed_points.fixed_point import TRAINABLE, FixedPoint, basins, fixed_point
from deltaflow.theory.fixed_points.phase_diagram import PhaseDiagram, phase_diagram
from deltaflow.theory.graphs import (
    Graph,
    GraphPrediction,
    NoTheoryError,
    propagate,
    read_graph,
    symbolic_trace,
    trace,
)
from deltaflow.theory.network import Theory
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
    "GraphPrediction",
    "Moments",
    "NoTheoryError",
    "PhaseDiagram",
    "Prediction",
    "Theory",
    "basins",
    "edge_of_chaos",
    "finite_width",
    "fixed_point",
    "phase_diagram",
    "phases",
    "predict",
    "propagate",
    "read_graph",
    "symbolic_trace",
    "trace",
    "typical_variances",
    "variances",
]
