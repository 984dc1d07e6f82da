"""Thin Lightning shells around a stack: the module, the trainer, and callbacks that record."""
