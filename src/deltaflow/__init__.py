"""deltaflow shows and compares how gradients flow through fully connected networks.

The error that back-propagation carries to layer l, δ_l = ∂loss/∂z_l, is the quantity
that flows. The package trains R replicas of one network at once, each with its own seed,
records δ and its companions layer by layer, and keeps them as tables.

Imports point down only. From the bottom:

``task``, ``random_streams``, ``activations``, ``records``, ``statistics``
    what a data set asks for, where randomness comes from, φ, the tables, the kernels
``initializers``, ``objectives``, ``data``, ``network``
    what a run is made of
``callbacks``, ``module``, ``report``
    Lightning's shells around it, and what is shown of the records
``experiment``, ``cli``
    from a configuration to a result, and from a command line to a configuration
"""

__version__ = "0.1.0"
