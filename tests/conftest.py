"""One thread per test worker: with more, the workers' threads wait for each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, here and in commands
