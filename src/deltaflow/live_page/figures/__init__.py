"""The figures of the live page. Each shows data that it is given; nothing is computed here.

``looks``
    colours, axes and legends, in the light and the dark theme
``profile_figure``, ``training_figures``, ``phase_figure``, ``predictions_figure``
    a figure or a few each
``display``
    all figures, with the verdict and the status above them
"""
