import os
import subprocess
import sys

import pytest
import torch

from course import command
from course.catalogue import ORDER, Lesson, lessons
from running import ROOT, in_a_terminal


def test_without_names_they_are_listed_in_reading_order(capsys):
    command.main([])
    out = capsys.readouterr().out
    places = [out.index(f"| {name} ") for name in ORDER]
    assert places == sorted(places)
    words = " ".join(out.replace("|", " ").split())
    assert all(lesson.sentence in words for lesson in lessons())


def test_listing_does_not_wait_for_torch():
    script = (
        "from course.command import main; main([]); import sys; "
        "print('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ran.stdout.splitlines()[-1] == "False"


def test_lessons_run_in_the_order_given(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command.main(["softmax", "tensors", "--output", "slides"])
    out, err = capsys.readouterr()
    assert err == ""
    assert out.index("1/2  Softmax. ") < out.index("2/2  Tensors. ") < out.index("| tensors ")
    assert out.splitlines()[-1].split() == ["Figures", "slides"]
    assert sorted(p.name for p in (tmp_path / "slides").iterdir()) == ["softmax.png", "softmax.svg"]
    assert [path.name for path in tmp_path.iterdir()] == ["slides"]


def test_a_lesson_leaves_pytorch_as_it_was(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import torch\nthreads = torch.get_num_threads()\n"
        "torch.manual_seed(1)\ntorch.set_printoptions(sci_mode=False, precision=1)\n"
    )
    torch.manual_seed(5)
    before, shown = torch.get_rng_state(), str(torch.tensor([1e-7, 1.0]))
    n_threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        names = command.run(Lesson("mine", path, "Mine", "A lesson."), tmp_path)
        assert names["threads"] == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(n_threads)
    assert torch.equal(torch.get_rng_state(), before)
    assert str(torch.tensor([1e-7, 1.0])) == shown


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["sofmax"], "A lesson must be one that there is. Found `sofmax`. Did you mean `softmax`?"),
        (["--none"], "unrecognized arguments: --none"),
        (["--all", "softmax"], "`--all` runs every lesson. Found `softmax` beside it."),
        (["softmax", "--output"], "expected one argument"),
        (["softmax", "--output=file"], "Figures need a folder to be written to. Found file: "),
        (["softmax", "--output", "file/a"], "Found file/a: Not a directory. Name another one"),
    ],
)
def test_a_mistake_gets_one_message(typed, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        command.main(typed)
    out, err = capsys.readouterr()
    assert (stop.value.code, out) == (2, "")
    assert err.startswith("usage: lessons.py")
    assert message in err.splitlines()[-1]
    assert (tmp_path / "file").read_text() == "mine"


def test_all_of_them_run_in_reading_order(monkeypatch, capsys, tmp_path):
    ran = []
    monkeypatch.setattr(command, "run", lambda lesson, output: ran.append((lesson.name, output)))
    command.main(["--all", "--output", str(tmp_path / "slides")])
    assert ran == [(name, tmp_path / "slides") for name in ORDER]
    out = capsys.readouterr().out
    assert all(f"{place}/{len(ORDER)}  " in out for place in range(1, len(ORDER) + 1))


@pytest.mark.slow
def test_a_lesson_is_a_script_of_its_own(tmp_path):
    script = ROOT / "scripts" / "lessons" / "activations.py"
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(script)], capture_output=True, text=True, cwd=tmp_path
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    written = sorted(path.name for path in (tmp_path / "outputs" / "lessons").iterdir())
    assert written == ["activations.png", "activations.svg"]


@pytest.mark.slow
def test_in_a_terminal_a_bar_goes_along(tmp_path):
    seen = in_a_terminal(["tensors", "softmax"], tmp_path, "scripts/lessons.py")
    assert "0/2" in seen
    assert "the copy has 0, the shared tensor 7" in seen
    assert "softmax" in seen
