"""Gaussian expectations of an activation φ and its derivative.

``gaussian``
    expectations by quadrature, exact for functions with kinks
``moments``
    the moments of φ and φ'
``hermite``
    moments of pairs of correlated inputs, by Hermite series
"""
