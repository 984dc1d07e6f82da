import pytest

from course.pictures import LOOKS, kept_in, label, panels, save


def test_activations_are_told_apart_without_colours():
    assert len({str(look["ls"]) for look in LOOKS.values()}) == len(LOOKS)
    assert len({look["marker"] for look in LOOKS.values()}) == len(LOOKS)


def test_a_figure_is_kept_where_it_is_asked_to_be(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    figure, (axes,) = panels("Title")
    label(axes, "A", "x (s)", "y (m)")
    with kept_in(tmp_path / "slides"):
        picture = save(figure, "one")
    save(figure, "two")
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*"))
    assert files == [
        "outputs/lessons/two.png", "outputs/lessons/two.svg", "slides/one.png", "slides/one.svg"
    ]  # fmt: skip
    assert picture._repr_png_().startswith(b"\x89PNG")
    assert "slides/one.png and .svg" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path):
    (tmp_path / "file").touch()
    figure, _ = panels("Title")
    with (
        kept_in(tmp_path / "file" / "folder"),
        pytest.raises(ValueError, match=r"Found .*file/folder: Not a directory\. Name another"),
    ):
        save(figure, "one")
