"""Statistics over seeds: intervals, paired tests and effects of axes."""
