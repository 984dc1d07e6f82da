"""Files that this process, or one of its own, has written: it may read them itself.

A file of anybody else is read in a process apart, which a damaged one may end.
"""

from collections.abc import Iterable
from pathlib import Path

Mark = tuple[int, ...]
"""What tells a file from any other, and from what it is once it has been changed."""

_marks: set[Mark] = set()


def note_written(path: Path) -> None:
    """Note that this process has written a file, until it is changed."""
    if (mark := _mark(path)) is not None:
        _marks.add(mark)


def is_trusted(path: Path) -> bool:
    """Whether a file is one of those that are noted, and as it was then."""
    return _mark(path) in _marks


def marks_of_written() -> set[Mark]:
    """The marks of all files that are noted."""
    return set(_marks)


def trust(marks: Iterable[Mark]) -> None:
    """Note files that a process of this one's own has written.

    Args:
        marks: by its :func:`marks_of_written`.
    """
    _marks.update(marks)


def _mark(path: Path) -> Mark | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
