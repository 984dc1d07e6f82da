"""Hydra finds its plugins in packages like this one."""
