"""What a summary says of the origin of its run."""

import subprocess

from deltaflow.experiment.planning.provenance import _git_commit
from deltaflow.system import installation

AUTHOR = ["-c", "user.name=A", "-c", "user.email=a@example.org"]


def _git(checkout, *words):
    command = ["git", "-C", str(checkout), *AUTHOR, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _commit_of(package, monkeypatch):
    monkeypatch.setattr(installation, "PACKAGE", package)
    return _git_commit.__wrapped__()


def test_the_commit_is_that_of_the_checkout(tmp_path, monkeypatch):
    package = tmp_path / "src" / "deltaflow"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    _git(tmp_path, "init")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--message", "Begin")
    head = _git(tmp_path, "rev-parse", "HEAD")
    assert _commit_of(package, monkeypatch) == head
    (package / "__init__.py").write_text("changed = True\n")
    assert _commit_of(package, monkeypatch) == f"{head}-dirty"


def test_an_installed_package_has_no_commit(tmp_path, monkeypatch):
    _git(tmp_path, "init")
    package = tmp_path / "lib" / "site-packages" / "deltaflow"
    assert _commit_of(package, monkeypatch) is None
