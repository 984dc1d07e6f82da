"""Theory of networks that are no plain chains: residual blocks, normalisation, any module graph.

What leaves a layer with weights of its own is a field: in the limit of wide layers its units are
independent draws, known by how alike they are for the samples of a batch. What residual
connections and layer normalisation make of fields is linear: a signal is a sum of independent
fields, each times a number per sample. δ goes the same way back.

``operations``
    what a graph is made of
``signals``
    fields, and sums of them
``batches``
    batch normalisation, which couples the samples
``propagation``
    forward and back through a graph
``functions``, ``tracing``
    the graph of a module, with the variances of its weights
"""

from deltaflow.theory.graphs.operations import Graph, NoTheoryError
from deltaflow.theory.graphs.propagation import Profile, propagate
from deltaflow.theory.graphs.tracing import read, symbolic, trace

__all__ = ["Graph", "NoTheoryError", "Profile", "propagate", "read", "symbolic", "trace"]
