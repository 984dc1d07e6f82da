"""Sweeps, Hydra's multiruns: directories, locks between processes, progress, search, report."""
