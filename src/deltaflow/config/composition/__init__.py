"""Composes configurations as Hydra does for the command line, and explains its errors.

``runs``
    the configuration of one run
``value_overrides``, ``sweeps``
    the configurations of many runs, with as few calls of Hydra as possible
``errors``
    the errors of Hydra and OmegaConf, in one message each
"""
