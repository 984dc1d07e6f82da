"""The code of docs/watch.md runs as it stands."""

import re

import pytest

from running import ROOT

PAGE = (ROOT / "docs" / "watch.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore")  # Lightning's remarks on what the Trainer is not given
def test_the_code_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(compile(block, "docs/watch.md", "exec"), names)
    assert (tmp_path / "outputs" / "mine" / "flow.png").exists()
    trained, first_step = capsys.readouterr().out.splitlines()
    assert trained.startswith("No finding: ")
    assert first_step.startswith("No finding: ")
