"""Theory of networks with residual connections and normalisation, from the graph of a module.

The output of a layer with weights is a field: in the limit of wide layers its units are independent
draws of one distribution, which is given by its covariance between the samples of a batch. Residual
connections and layer normalisation act linearly, so a signal is a sum of independent fields, each
with a factor per sample. δ takes the same way back.

``operations``
    the operations of a graph
``signals``
    fields, and sums of fields
``batches``
    batch normalisation, which couples the samples
``propagation``
    forward and backward through a graph
``called_functions``, ``tracing``
    the graph of a module, with the variances of its weights
"""

from deltaflow.theory.graphs.operations import Graph, NoTheoryError
from deltaflow.theory.graphs.propagation import GraphPrediction, propagate
from deltaflow.theory.graphs.tracing import read_graph, symbolic_trace, trace

__all__ = [
    "Graph",
    "GraphPrediction",
    "NoTheoryError",
    "propagate",
    "read_graph",
    "symbolic_trace",
    "trace",
]
