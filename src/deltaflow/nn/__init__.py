"""Stacked networks: layers, activations, initializers, objectives and random streams.

The weights of R replicas are one tensor ``[R, fan_out, fan_in]`` per layer. Nothing here depends
on a trainer, a configuration or a file.
"""
