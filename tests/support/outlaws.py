"""Functions that are called in another process, and harm it."""

import os
import sys
import time

import numpy as np
import polars as pl


def end(number: int) -> None:
    os.kill(os.getpid(), number)


def burn() -> None:
    while True:
        pass


def wait() -> None:
    time.sleep(60)


def fill(n_bytes: int) -> int:
    return len(np.empty(n_bytes, np.uint8))  # addresses alone: nothing is written


def fail(message: str) -> None:
    raise LookupError(message)


def miss() -> None:
    raise FileNotFoundError("nothing there")


def speak() -> str:
    sys.stdout.write("aside")
    os.write(1, b"aside")
    sys.stdout.flush()
    return "answer"


def table(n: int) -> pl.DataFrame:
    return pl.DataFrame({"n": range(n), "µ": [str(k) for k in range(n)]})


def process() -> int:
    return os.getpid()


def folder(path: str) -> list[str]:
    return [os.getcwd(), path]
