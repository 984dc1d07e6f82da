"""Matplotlib figures of a run, a sweep and the phase diagram. Nothing is computed here.

``run``
    the picture of a run
``sweep_figures``, ``small_multiples``
    the figures of a sweep: effects of axes, and a small panel for each run
``phase_picture``, ``label_placement``
    the phase diagram, with runs as labelled points
``looks``, ``labels``, ``formats``
    colours, scales and seed bands; users' strings as labels; the formats of files
"""
