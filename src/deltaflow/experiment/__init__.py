"""Trains runs from their configurations: assembly, training, checkpoints, evaluation, results."""
