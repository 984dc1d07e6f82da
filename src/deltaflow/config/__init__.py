"""From what was typed to a checked configuration, or to one message that says why not.

The schema of ``conf/``, its composition by Hydra, building what a ``_target_`` names, and the words
for every mistake that can be made in it.
"""
