"""What is measured of a model of others, and when.

``layers``
    which modules are watched, and what of them is exact
``cadence``
    which steps are measured
``reductions``
    numbers made of tensors
``functions``, ``output_tracking``
    what function follows a layer, found by following its output
``layer_calls``, ``tape``
    what is heard of a layer in a measured step, and the hooks that hear it
``loss_graph``, ``losses``
    what a loss was made of, and the losses of all steps
``model_theory``
    what theory says of the first step
``observations``
    what is noted of step after step
"""
