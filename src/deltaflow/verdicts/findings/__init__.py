"""The checks for findings; each takes the evidence and returns a verdict or ``None``.

``flow``
    gradients at the start: vanishing, exploding, chaotic
``units``
    units that are copies, saturated, off or dead
``settings``
    settings that keep a network from learning: weight decay, clipping, dropout, scales, shapes
``training``
    divergence, and updates that are too large or too small
``outcome``
    results: undertrained, overfitted, memorised, partial, healthy
"""
