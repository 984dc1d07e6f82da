"""Trains runs from their configurations, from the plan to the result.

``planning``
    what identifies a run before it trains: its plan, identity and origin
``building``
    data, theory, module and Trainer from a configuration
``run``, ``active_run``
    trains runs, alone or as one stack; one run from its first record to its last
``compatibility``, ``stacked_training``, ``completion``
    which runs share a stack, their training, and how they are completed together
``failure``
    how a run ends that is interrupted, or that fails
``checkpoints``
    what is saved during training, and how a run is resumed from it
``results``
    evaluation, summary and verdicts, and the result in Python
``prediction``
    predictions for new rows, and export to other formats
"""
