"""The page of a report: one file, with all that it needs, for a browser without a network."""
