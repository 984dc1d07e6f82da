"""The figures of the page: each takes what is known and shows it, and computes nothing.

``looks``
    colours, axes and legends, on light and on dark paper
``profile_figure``, ``training_figures``, ``phase_figure``, ``outcome_figure``
    a figure or a few each
``display``
    all of them, and what is said above them
"""
