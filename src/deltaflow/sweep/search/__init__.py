"""A search: a sampler proposes trials, each a run, by what earlier trials came to."""
