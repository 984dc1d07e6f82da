"""The lessons of ``scripts/lessons/``: one file a topic, each a script and a notebook.

``catalogue``
    which there are, in reading order, and what each is about
``pictures``, ``printing``
    how they draw, where their figures go, and how they print
``command``
    the command line that lists and runs them
"""
