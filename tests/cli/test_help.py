import os
import subprocess
import sys

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
    assert (ran.returncode, ran.stderr) == (1, "")
