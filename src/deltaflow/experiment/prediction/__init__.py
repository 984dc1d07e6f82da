"""Predictions of trained networks for new rows, their scores, and export to other formats."""
