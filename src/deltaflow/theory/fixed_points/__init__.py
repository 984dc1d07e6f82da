"""The limit of signals in deep networks: phases, depth scales, and the edge between them.

``fixed_point``
    the limit for one pair of variances, exactly
``edge``
    the edge of chaos
``phase_diagram``
    the limits over the plane of variances, interpolated
"""
