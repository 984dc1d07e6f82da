"""Checkpoints: their file, when they are written, and how a run goes on from one."""
