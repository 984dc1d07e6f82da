"""The columns of a table: each taken for numbers, truth, dates or categories, then for inputs.

``words`` and ``dates`` know what a value says, ``columns`` what a column holds, ``contents`` what
is done with its gaps, and ``known`` whether it is as it was in training; ``selection`` has which
columns are used, ``inputs`` and ``targets`` what becomes of them. ``problems`` tells what is wrong
with any of them in one message, and ``doubts`` what may be.
"""
