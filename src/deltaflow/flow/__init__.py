"""What is measured of a training step: the tape, the kernels of a layer, the profile over depth.

Tensors in, tensors out, with shapes ``[R, batch, units]``; ``rows`` makes rows of the layers table
of them.
"""
