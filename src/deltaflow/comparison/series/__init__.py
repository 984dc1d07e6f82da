"""Series for figures, such as profiles and curves, read from the tables of runs."""
