import pytest

from course.catalogue import ORDER, lessons, lessons_named, read


def test_lessons_come_in_reading_order():
    assert tuple(lesson.name for lesson in lessons()) == ORDER


def test_names_keep_their_order_and_paths_are_names():
    found = lessons_named(["softmax", "scripts/lessons/tensors.py", "entropy.py"])
    assert [lesson.name for lesson in found] == ["softmax", "tensors", "entropy"]


@pytest.mark.parametrize(
    ("typed", "nearest"), [("sofmax", "softmax"), ("Neurons", "neuron"), ("iris", "iris_by_hand")]
)
def test_the_nearest_name_is_suggested(typed, nearest):
    with pytest.raises(ValueError, match=rf"Found `{typed}`\. Did you mean `{nearest}`\?"):
        lessons_named(["tensors", typed])


def test_what_is_like_none_gets_all_names():
    with pytest.raises(ValueError, match=r"Found `xyz`\. There are tensors, data_types, "):
        lessons_named(["xyz"])


@pytest.mark.parametrize(
    "beginning",
    [
        "# %%\nx = 1\n",
        "# %% [markdown]\n# Title without a heading\n",
        "# %% [markdown]\n# # Title\n",
    ],
)
def test_a_lesson_must_say_what_it_is(beginning, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(beginning)
    with pytest.raises(ValueError, match=r"Found another beginning in mine\.py"):
        read(path)


def test_a_sentence_may_go_over_two_lines(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("# %% [markdown]\n# # Title\n# One\n# two.\n#\n# More.\n# %%\n")
    assert (read(path).title, read(path).sentence) == ("Title", "One two.")
