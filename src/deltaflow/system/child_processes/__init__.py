"""Processes that this one starts and asks: the isolated reader, and the second trainer and drawer.

``child_process``, ``daemon_thread``
    a Python process behind two pipes, and the thread that waits for its answers
``isolation_server``
    what runs in the process that reads files which may crash it
``second_process``
    a process that calls functions while this one continues
"""
