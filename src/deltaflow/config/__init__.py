"""Turns a command line into a checked configuration, or into one error message.

The package holds the schema of ``conf/``, its composition by Hydra, the instantiation of each
``_target_``, and the messages for mistakes in a configuration.
"""
