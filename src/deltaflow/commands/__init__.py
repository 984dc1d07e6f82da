"""The commands: from what was typed to a call, and from its end to an exit status.

``api``, ``in_memory``
    training from Python
``train``, ``hydra_application``, ``process``, ``resume``
    the command line of training, which Hydra reads
``job``, ``stacks``, ``search``
    what Hydra calls: a run, the runs of a sweep, the trials of a search
``analysis``
    the commands beside training
"""
