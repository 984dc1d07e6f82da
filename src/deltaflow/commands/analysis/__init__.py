"""The other commands, which examine models, configurations, runs and sweeps.

Each is a function of its arguments, which argparse parses; the module's docstring is its help.
"""
