"""The measurements of a watched model.

``watched_layers``
    the layers that are measured, and their per-sample gradients
``cadence``
    which steps are measured
``reductions``
    reductions of tensors to numbers
``scalar_functions``, ``output_tracking``
    the activation function behind each layer, found by tracking the layer's output
``layer_calls``, ``tape``
    the measurements of a layer in one step, and the hooks that make them
``loss_graph``, ``losses``
    the composition of the loss, and the losses of all steps
``model_theory``
    theory's prediction for the first step
``observations``
    further facts for verdicts, collected over the measured steps
"""
