"""Measures the gradient flow of a training step: tape, kernels of a layer, profiles over depth.

The tape records tensors ``[R, batch, units]``, the kernels reduce them to ``[R]``, and ``rows``
converts the results to rows of the layers table.
"""
