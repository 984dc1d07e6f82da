"""What is measured of a model of others, and when.

``layers``
    which modules are watched, and what of them is exact
``cadence``
    which steps are measured
``reductions``
    numbers made of tensors
``functions``, ``following``
    what function follows a layer, found by following its output
``heard``, ``tape``
    what is heard of a layer in a measured step, and the hooks that hear it
``loss_graph``, ``losses``
    what a loss was made of, and the losses of all steps
``forecast``
    what theory says of the first step
``observations``
    what is noted of step after step
"""
