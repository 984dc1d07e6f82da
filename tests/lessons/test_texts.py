"""Every lesson, found by glob: a notebook that runs, says what it finds, and draws it."""

import ast
import re
from xml.etree import ElementTree

import pytest
from matplotlib.image import imread

from course.catalogue import ORDER, directory, read

LESSONS = sorted(path.stem for path in directory().glob("*.py"))
WITHOUT_FIGURES = {"tensors"}
FOR_SLIDES = {
    "activations": "activations",
    "slope_product": "vanishing_gradients",
    "delta_decay": "vanishing_gradients",
    "softmax": "softmax",
    "decision_boundary": "training_step",
    "dead_units": "dead_units",
}


def cells(name: str) -> list[tuple[str, str]]:
    """Kind and text of each cell, as notebook programs read the percent format."""
    text = (directory() / f"{name}.py").read_text(encoding="utf-8")
    before, *parts = re.split(r"^# %%", text, flags=re.MULTILINE)
    assert before == ""
    heads = [part.partition("\n") for part in parts]
    return [("text" if head.strip() == "[markdown]" else "code", body) for head, _, body in heads]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_opens_as_a_notebook(name):
    for kind, body in cells(name):
        if kind == "text":
            assert all(line.startswith("#") or not line for line in body.splitlines())
        else:
            ast.parse(body)  # each cell by itself
            compile(body, name, "exec")


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_explains_before_it_computes(name):
    kinds = [kind for kind, _ in cells(name)]
    assert kinds[:2] == ["text", "code"]
    assert kinds.count("text") >= 3
    text = (directory() / f"{name}.py").read_text(encoding="utf-8")
    assert not re.search(r"__file__|sys\.argv|pyplot", text)  # a notebook has none of them


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_introduces_itself_in_a_sentence(name):
    lesson = read(directory() / f"{name}.py")
    assert 2 < len(lesson.title) < 50
    assert lesson.sentence.endswith(".")
    assert lesson.sentence.count(". ") == 0
    assert len(lesson.sentence) < 130


def test_the_reading_order_has_every_lesson_once():
    assert sorted(ORDER) == LESSONS


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_runs_and_draws_in_both_formats(name, taught):
    lesson = taught(name)
    assert len(lesson.printed.splitlines()) >= 5
    written = {path.name for path in lesson.folder.iterdir()}
    stems = {file.partition(".")[0] for file in written}
    assert written == {f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")}
    assert bool(stems) is (name not in WITHOUT_FIGURES)
    assert lesson.printed.count("Figure: ") == len(stems)
    for stem in stems:
        picture = imread(lesson.folder / f"{stem}.png")
        assert picture.shape[1] >= 1000
        assert picture[..., :3].std() > 0.05  # not an empty chart
        root = ElementTree.parse(lesson.folder / f"{stem}.svg").getroot()
        assert root.tag.endswith("svg")


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_says_what_it_found_in_a_sentence_with_a_number(name, taught):
    (said,) = (line for line in taught(name).printed.splitlines() if line.startswith("In short, "))
    assert said.endswith(".")
    assert re.search(r"\d", said)
    assert not re.search(r"nan|inf\b", said)


@pytest.mark.parametrize(("figure", "name"), FOR_SLIDES.items())
def test_a_figure_for_slides_is_there(figure, name, taught):
    assert (taught(name).folder / f"{figure}.png").exists()


@pytest.mark.parametrize("name", sorted(set(LESSONS) - WITHOUT_FIGURES))
def test_axes_are_labelled(name, taught):
    figure = taught(name).figure
    assert figure.get_suptitle()
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert all(axes.get_xlabel() for axes in panels)
    assert panels[0].get_ylabel()
    for axes in panels:
        assert axes.lines or axes.patches or axes.collections
