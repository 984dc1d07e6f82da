"""The machine around a program: files of anybody, memory, processes, signals, foreign text."""
