"""The machine around a program: files, memory, processes, signals, errors, and foreign text."""
