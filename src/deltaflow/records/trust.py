"""Files that this process or its second process has written, and so may read without isolation.

Any other file is read in a separate process, because a damaged file can crash the reader.
"""

from collections.abc import Iterable
from pathlib import Path

Fingerprint = tuple[int, ...]
"""Device, inode, size and times of a file; it changes with the content."""

_trusted: set[Fingerprint] = set()


def trust_file(path: Path) -> None:
    """Trust a file that this process has written, until it is changed."""
    if (fingerprint := _fingerprint(path)) is not None:
        _trusted.add(fingerprint)


def is_trusted(path: Path) -> bool:
    """Whether a file is trusted and unchanged."""
    return _fingerprint(path) in _trusted


def trusted_files() -> set[Fingerprint]:
    """The fingerprints of all trusted files."""
    return set(_trusted)


def trust_files(fingerprints: Iterable[Fingerprint]) -> None:
    """Trust the files that the second process has written; see :func:`trusted_files`."""
    _trusted.update(fingerprints)


def _fingerprint(path: Path) -> Fingerprint | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
