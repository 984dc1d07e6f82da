"""Each lesson runs once for all its tests; what it has named is what they look at."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from course.catalogue import lessons_named
from course.command import run


@dataclass(frozen=True)
class Taught:
    """What a lesson has named, as attributes, beside what it printed and where it drew."""

    names: dict[str, Any]
    printed: str
    folder: Path

    def __getattr__(self, name: str) -> Any:
        try:
            return self.names[name]
        except KeyError:
            raise AttributeError(name) from None


@pytest.fixture(scope="session")
def taught(tmp_path_factory):
    """From a lesson's name to what it taught."""
    known: dict[str, Taught] = {}

    def teach(name: str) -> Taught:
        if name not in known:
            folder = tmp_path_factory.mktemp(name)
            with contextlib.redirect_stdout(io.StringIO()) as out:
                names = run(lessons_named([name])[0], folder)
            known[name] = Taught(names, out.getvalue(), folder)
        return known[name]

    return teach


@pytest.fixture
def lesson(request, taught):
    """The lesson that the test file is named after."""
    return taught(request.module.__name__.rpartition("test_")[2])
