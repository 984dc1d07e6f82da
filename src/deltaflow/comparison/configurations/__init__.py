"""Configurations: runs that differ only in their seeds, with the results of all of them.

``configuration``, ``grouping``
    a configuration, and how runs are grouped into configurations
``grouped_runs``
    all configurations of a report, with the data of their tables
``ranked_configuration``
    a configuration as a row of the ranking, with its data for figures
"""
