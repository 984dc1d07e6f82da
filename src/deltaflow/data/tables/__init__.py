"""The columns of a table: how their kind is inferred, and how they become inputs and targets.

``parsing`` and ``dates`` parse single values, ``column_kinds`` infers the kind of a column,
``contents`` holds its values and gaps, and ``known_columns`` reads a column whose kind is known
from training. ``selection`` chooses the columns; ``inputs`` and ``targets`` encode them.
``problems`` reports errors in one message, and ``suspicious_values`` finds values that may be
mistakes.
"""
