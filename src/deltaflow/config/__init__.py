"""Turns a command line into a checked configuration, or into one error message.

``schema``, ``limits``
    the fields of a configuration with their types, and the limits of their values
``composition``
    composes configurations as Hydra does, without a command line
``options``, ``names``
    the folder ``conf/`` and the options chosen from it; the names of directories
``instantiation``, ``arguments``
    builds what a ``_target_`` names, after a check of its arguments
``hyperparameters``, ``neutral_settings``, ``description``
    the settings that affect a result, those that do not, and a configuration in a line
``messages``
    any error as one message, with the exit status
"""
