"""How much memory a large table takes, from the file to the trained network."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

TRAINED = """
import sys
from deltaflow.commands.train import main
sys.argv = ["train.py", "data=table", "data.path=big.parquet", "data.target=y", "logger=none",
            "data.batch_size=1024", "trainer.max_epochs=1"]
main()
"""


@pytest.mark.slow
def test_a_large_table_is_held_a_few_times_at_most(tmp_path):
    draw, n = np.random.default_rng(0), 250_000
    frame = pl.DataFrame({f"x{k}": draw.standard_normal(n) for k in range(50)})
    frame.with_columns(y=(pl.col("x0") > 0).cast(pl.Int8)).write_parquet(tmp_path / "big.parquet")
    del frame
    measure = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', sys.argv[1]], check=True,\n"
        "               stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    ran = subprocess.run([sys.executable, "-c", measure, TRAINED], cwd=tmp_path, check=True,
                         capture_output=True, text=True)  # fmt: skip
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    # Half a gigabyte without any table, and this one has a tenth.
    assert int(ran.stdout) * unit < 1.25 * 2**30
    assert list(tmp_path.glob("outputs/*/layers.parquet"))
