"""Where files are found, in a checkout and in an installed package."""

import sys
from types import SimpleNamespace

import pytest

from deltaflow.commands.sharing import is_own_program
from deltaflow.config.options import config_directory
from deltaflow.system import installation


def test_the_checkout_has_the_options_and_the_project_file():
    assert (installation.checkout() / "pyproject.toml").is_file()
    assert config_directory() == installation.checkout() / "conf"
    assert (config_directory() / "train.yaml").is_file()


@pytest.mark.parametrize("folder", ["site-packages", "src"])
def test_an_installed_package_has_the_options_inside(folder, tmp_path, monkeypatch):
    package = tmp_path / folder / "deltaflow"
    (package / "conf").mkdir(parents=True)
    monkeypatch.setattr(installation, "PACKAGE", package)
    monkeypatch.setattr("deltaflow.config.options.PACKAGE", package)
    assert installation.checkout() is None
    assert config_directory() == package / "conf"


@pytest.mark.parametrize(("file", "is_own"), [
    ("train.py", True), ("src/deltaflow/__main__.py", True),
    ("src/deltaflow/commands/train.py", False), ("scripts/train.py", False),
])  # fmt: skip
def test_a_program_is_known_by_its_file(file, is_own, monkeypatch):
    path = str(installation.checkout() / file)
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__file__=path))
    assert is_own_program() is is_own
