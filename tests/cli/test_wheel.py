"""An installed wheel trains in any folder: conf/ travels with it."""

import os
import subprocess
import sys
import zipfile

import pytest

from running import CONF, ROOT

TRAINING = """
import sys

from deltaflow import train

train(["trainer.max_epochs=1", "logger=none"], "silently")  # nor is a warning of libraries heard

import deltaflow.commands.analysis.live, deltaflow.live_page
from deltaflow.commands.train import main
from deltaflow.config.options import config_directory

page = {"panel", "bokeh", "param", "tornado"}  # which nothing but the page itself takes
print(config_directory(), sorted(page & sys.modules.keys()))
main()
"""


@pytest.mark.slow
def test_the_wheel_carries_all_it_needs(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
             "--wheel-dir", str(tmp_path), str(ROOT)]  # fmt: skip
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("deltaflow-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    packaged = {p.relative_to(installed / "deltaflow" / "conf") for p in
                (installed / "deltaflow" / "conf").rglob("*.yaml")}  # fmt: skip
    shipped = {path.relative_to(CONF) for path in CONF.rglob("*.yaml")}
    assert packaged == {path for path in shipped if path.parts[0] != "local"}
    assert (installed / "hydra_plugins" / "deltaflow_launcher" / "stack_launcher.py").exists()
    (points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "deltaflow-train = deltaflow.__main__:main" in points.read_text()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", TRAINING, "trainer.max_epochs=1", "logger=none"],
        capture_output=True, text=True, cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(installed)},
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"{installed / 'deltaflow' / 'conf'} []\n")
    assert list(elsewhere.glob("outputs/*/layers.parquet"))
