"""What is measured of a training step: the tape, the kernels of a layer, the profile over depth.

Tensors in, tensors out. Shapes are ``[R, batch, units]``.
"""
