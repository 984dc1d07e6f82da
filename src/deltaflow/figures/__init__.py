"""Matplotlib figures of a run, a sweep and the phase diagram. Nothing is computed here."""
