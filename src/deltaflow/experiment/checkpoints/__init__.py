"""Checkpoints: their file format, where they are written, and how a run is resumed from one."""
