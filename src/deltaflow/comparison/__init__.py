"""Comparisons of runs: runs are collected, grouped into configurations, ranked and tested.

The input is the records of runs alone; no configuration is composed and no network is built.
In reading order:

``collection``
    finds runs in folders, and reads them
``flow_numbers``, ``results``
    summarise the tables of one run in a few numbers
``series``
    profiles, heatmaps and curves, from the tables of many runs
``statistics``
    intervals over seeds, paired tests, effects of axes
``configurations``
    runs that differ only in their seeds, with the results of all of them
``comparison``, ``metric_rows``
    the typed data that page, figures and terminal show
``notes``
    warnings and sentences for the reader
``runs_table``, ``command_lines``, ``phase_points``
    the runs as a table, as commands to copy, as points of the phase diagram
"""
