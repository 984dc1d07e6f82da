"""Hyperparameter search: a sampler proposes trials, which are runs, from earlier results."""
