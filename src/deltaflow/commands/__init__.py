"""The Python functions and the commands that users call.

``api``, ``training_on_samples``
    training from Python
``train``, ``hydra_application``, ``process``, ``resume``
    the command line of training, which Hydra parses
``hydra_job``, ``stacks``, ``search``
    what Hydra calls: a run, the runs of a sweep, the trials of a search
``sharing``, ``shared_stacks``
    a second process that trains half of a sweep's stacks
``analysis``
    the other commands
"""
