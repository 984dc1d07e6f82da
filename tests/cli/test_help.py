import os
import subprocess
import sys
from pathlib import Path

import pytest

from running import ROOT, options


def test_help_explains_every_group_and_lists_its_options(deltaflow):
    outcome = deltaflow("--help")
    assert outcome.status == 0
    groups = [folder.name for folder in (ROOT / "conf").iterdir() if folder.is_dir()]
    for group in set(groups) - {"hydra"}:
        assert f"\n  {group} " in outcome.out, f"{group} is not explained"
        assert f"{group}: {', '.join(options(group))}" in outcome.out
    assert "python train.py -m" in outcome.out


@pytest.mark.slow
def test_help_is_what_hydra_makes_of_it(deltaflow):
    """With an override, Hydra says it."""
    assert deltaflow("--help").out == deltaflow("--help", "seed=0").out


@pytest.mark.parametrize("arguments", [["--help"], ["activation=swish9"]])
def test_help_and_mistakes_do_not_wait_for_torch(arguments, tmp_path):
    script = (
        "import sys; sys.argv = ['train.py', *sys.argv[1:]]\n"
        "from deltaflow.commands.train import main\n"
        "try:\n    main()\n"
        "finally:\n    print('torch' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert ran.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("script", ["theory", "report", "lessons"])
def test_nobody_need_read_it_to_the_end(script):
    """As after ``| head``: no message, and no traceback of a stream that cannot be flushed."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), "--help"]
    ran = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert ran.stderr == ""
    assert ran.returncode in (0, 1)  # argparse ignores it


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no full device")
def test_a_full_disk_is_no_broken_installation():
    command = [sys.executable, str(ROOT / "scripts" / "theory.py"), "--help"]
    with open("/dev/full", "w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ran.returncode == 1
    assert "No space left on device" in ran.stderr
    assert "Install" not in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("main", ["optimizer.lr=fast"]), ("main", ["network.depth=-1"]), ("main", ["n_seeds=0"]),
        ("theory", ["--help"]), ("theory", ["network.depth=-1"]), ("theory", ["activation=swish9"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_mistake_is_told_before_torch_is_there(command, arguments, tmp_path):
    slow = {"torch", "lightning", "matplotlib", "polars", "numpy"}
    assert not slow & _imported(command, arguments, tmp_path)


@pytest.mark.slow
def test_a_prediction_does_not_wait_for_lightning(tmp_path):
    assert "lightning" not in _imported("theory", ["activation=tanh"], tmp_path)


def _imported(command: str, arguments: list[str], directory: Path) -> set[str]:
    program = (
        "import atexit, sys; atexit.register(lambda: print('IMPORTED', *sys.modules)); "
        f"from deltaflow.__main__ import {command}; {command}()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=directory, capture_output=True, text=True
    )
    _, mark, names = ran.stdout.partition("IMPORTED ")
    assert mark
    return set(names.split())
