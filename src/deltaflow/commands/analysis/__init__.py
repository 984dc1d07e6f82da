"""The commands beside training: what is asked of models, settings, runs and sweeps.

Each is a function of its arguments, which argparse reads, with the module's docstring as help.
"""
