"""What the package needs of Python and of the operating system; it knows nothing of networks.

``installation``, ``environment``
    where the package is, and what a command needs before any library is imported
``errors``, ``error_kinds``
    the error whose message is for users, and the kinds of all others
``escaping``, ``wording``
    strings of unknown origin, and counts in words
``files``, ``parquet``, ``isolation``
    files that are written atomically, and files that are read without trust
``memory``, ``processes``, ``signals``
    limits and free memory, processes and their locks, signals that stop a command
``child_processes``
    processes that this one starts and asks
"""
