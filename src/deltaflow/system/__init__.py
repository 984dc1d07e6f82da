"""Files, memory, processes, signals, errors and escaping, beneath everything else."""
