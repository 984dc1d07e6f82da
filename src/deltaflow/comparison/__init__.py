"""Records of many runs: collected, grouped into configurations, ranked, tested, their effects.

Everything here reads what runs left behind and nothing else: no configuration, no network.
In reading order:

``collection``, ``configuration``, ``grouping``
    runs in folders, and those that differ in nothing but their seeds
``flow_numbers``, ``results``
    one run's tables in a few numbers
``series``
    profiles, heatmaps and curves, from the tables of many runs
``statistics``
    intervals over seeds, paired tests, effects of axes
``grouped_runs``, ``ranked_configuration``, ``comparison``
    all of it together: what page, figures and terminal show
``notes``
    what a reader must know
``runs_table``, ``command_lines``, ``phase_points``
    the runs as a table, as commands to copy, as points of the phase diagram
"""
