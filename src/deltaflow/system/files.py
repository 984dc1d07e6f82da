"""Files that others may read and write too: written whole or not at all, read with caution.

What is written replaces what was there in one step, with the rights that the umask gives. What
is read may have come from anybody: below a run's or a sweep's directory no symbolic link is
followed, nothing but a regular file is opened, and none larger than its kind can be. (The
directory itself may be a link; whoever names it means it.)
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)  # Windows has neither
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # or opening a FIFO waits for a writer, for ever
_BINARY = getattr(os, "O_BINARY", 0)


_BLOCK = 4096  # bytes, what file systems give a file at least


class UnusableFileError(UserError):
    """A path below a run's directory is not the file or folder that it must be."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Args:
        path: of the file. Its folder must exist.
        content: of the file.

    Raises:
        OSError: if it cannot be written; what was there before is untouched.
    """
    with _temporary(path, content) as temporary:
        temporary.replace(path)


def create_file(path: Path, content: bytes) -> None:
    """Write a file that is not there, so that of several processes one has written it, whole.

    Args:
        path: of the file. Its folder must exist.
        content: of the file.

    Raises:
        FileExistsError: if it is there.
    """
    with _temporary(path, content) as temporary:
        try:
            os.link(temporary, path)  # unlike a rename, it replaces nothing
        except FileExistsError:
            raise
        except OSError:  # some file systems have no links
            with path.open("xb") as file:
                file.write(content)


def overwrite_file(path: Path, content: bytes) -> None:
    """Write into the space that a file has on the disk already, as there may be no more.

    Spaces fill what is left of a longer one.

    Args:
        path: of the file.
        content: of the file, as text that may end in spaces.

    Raises:
        FileNotFoundError: if it is not there.
        OSError: if the content needs more space.
        UnusableFileError: if it is no regular file.
    """
    path.lstat()
    with os.fdopen(_opened(path, os.O_RDWR), "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if len(content) > -(-size // _BLOCK) * _BLOCK:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        file.write(content.ljust(size))


def remove_file(path: Path) -> None:
    """Remove a file, if it is there.

    Raises:
        UnusableFileError: if it is a folder.
    """
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(mode := path.lstat().st_mode):
            raise _unusable(path, "a file", _kind(mode))
        path.unlink()


def make_folder(path: Path) -> None:
    """Make a folder inside a directory that is ours, or use the one that is there.

    Args:
        path: of the folder. What holds it must exist.

    Raises:
        UnusableFileError: if a file is there, or a link, which could lead out of the directory.
    """
    try:
        path.mkdir()
    except FileExistsError:
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise UnusableFileError(
                f"{literal(str(path))} must be a folder. Found {_kind(path.lstat().st_mode)}. "
                "Remove it, or use another directory."
            ) from None


def open_file(root: Path, name: str, limit: int) -> BinaryIO:
    """Open a regular file below a directory for reading, without following links.

    Args:
        root: the directory.
        name: of the file, as seen from there, with ``/`` between folders.
        limit: bytes that it may have at most.

    Returns:
        The open file.

    Raises:
        FileNotFoundError: if it is not there.
        UnusableFileError: if it is a link, a device, a FIFO or a folder, lies behind a link, or
            is larger than the limit.
    """
    path = root
    for folder in name.split("/")[:-1]:
        path /= folder
        if not stat.S_ISDIR(mode := path.lstat().st_mode):
            raise _unusable(path, "a folder", _kind(mode))
    path = root / name
    number = _opened(path, os.O_RDONLY)
    try:
        if (size := os.fstat(number).st_size) > limit:
            raise _unusable(path, f"at most {limit:,} bytes long", f"{size:,} bytes")
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_file(root: Path, name: str, limit: int) -> bytes:
    """The content of a regular file below a directory; arguments and errors of `open_file`."""
    with open_file(root, name, limit) as file:
        return file.read(limit)


def open_lock(path: Path) -> int:
    """Open a file to lock it, made if it is not there; nothing is ever written to it.

    Args:
        path: of the file, in a folder that is no link.

    Returns:
        The number of the open file.

    Raises:
        UnusableFileError: if it is a link, a device, a FIFO or a folder.
    """
    return _opened(path, os.O_RDWR | os.O_CREAT)


def open_to_append(path: Path) -> TextIO:
    """Open a file of text in a directory of ours for appending, made if it is not there.

    Args:
        path: of the file, in a folder that is no link.

    Returns:
        The open file.

    Raises:
        UnusableFileError: if it is a link, a device, a FIFO or a folder.
    """
    return os.fdopen(_opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "a", encoding="utf-8")


def folders(directory: Path) -> list[Path]:
    """The folders in a directory, those that are links left out, in the order of their names.

    Args:
        directory: that may be there or not.
    """
    try:
        with os.scandir(directory) as found:
            names = [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [directory / name for name in sorted(names)]


def _opened(path: Path, flags: int) -> int:
    with suppress(FileNotFoundError):
        _require_regular(path, path.lstat())  # a device may do something when it is opened
    number = os.open(path, flags | _NO_LINK | _NO_WAIT | _BINARY, 0o666)
    try:
        _require_regular(path, os.fstat(number))  # it may have been replaced since
    except BaseException:
        os.close(number)
        raise
    return number


def _require_regular(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _unusable(path, "a regular file", _kind(found.st_mode))


def _unusable(path: Path, expected: str, found: str) -> UnusableFileError:
    return UnusableFileError(
        f"{literal(str(path))} must be {expected}. Found {found}. Replace it by what a run has "
        "written, or leave that directory out."
    )


def _kind(mode: int) -> str:
    kinds = {
        stat.S_ISLNK: "a symbolic link",
        stat.S_ISDIR: "a folder",
        stat.S_ISREG: "a file",
        stat.S_ISFIFO: "a FIFO",
        stat.S_ISSOCK: "a socket",
    }
    return next((words for test, words in kinds.items() if test(mode)), "a device")


@contextmanager
def _temporary(path: Path, content: bytes) -> Iterator[Path]:
    """The content in a file of its own beside the path, which is gone in the end."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
        with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:  # less the umask
            file.write(content)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
