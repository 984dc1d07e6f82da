"""Writes files atomically, and reads files that are not trusted.

A written file replaces the old one in one step, with the permissions of the umask. A file that is
read may be anybody's: below the directory of a run or sweep no symbolic link is followed, only
regular files are opened, and only up to a size limit. The directory itself may be a link, because
the user has named it.
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
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a FIFO would wait for a writer
_BINARY = getattr(os, "O_BINARY", 0)


_BLOCK = 4096  # bytes, the usual allocation unit of file systems


class UnusableFileError(UserError):
    """A path below a run's directory is not the file or folder that it must be."""


def replace_file(path: Path, content: bytes) -> None:
    """Write a file atomically, in place of one that exists.

    Args:
        path: path of the file; its folder must exist.
        content: the bytes to write.

    Raises:
        OSError: if the file cannot be written. An old file is unchanged then.
        UnusableFileError: if the path is a folder.
    """
    with _temporary(path, content) as temporary:
        if path.is_dir() and not path.is_symlink():
            raise _obstructed(path, "a file")
        temporary.replace(path)


def create_file(path: Path, content: bytes) -> None:
    """Create a file atomically; of several processes that try, exactly one succeeds.

    Args:
        path: path of the file; its folder must exist.
        content: the bytes to write.

    Raises:
        FileExistsError: if the file exists.
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
    """Overwrite a file within the disk space that it occupies, for when the disk is full.

    Content that is shorter than the file is padded with spaces.

    Args:
        path: path of the file.
        content: a text that may end in spaces.

    Raises:
        FileNotFoundError: if the file does not exist.
        OSError: if the content needs more space.
        UnusableFileError: if it is not a regular file.
    """
    path.lstat()
    with os.fdopen(_opened(path, os.O_RDWR), "r+b") as file:
        size = os.fstat(file.fileno()).st_size
        if len(content) > -(-size // _BLOCK) * _BLOCK:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        file.write(content.ljust(size))


def remove_file(path: Path) -> None:
    """Remove a file, if it exists.

    Raises:
        UnusableFileError: if it is a folder.
    """
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(mode := path.lstat().st_mode):
            raise _unusable(path, "a file", _kind(mode))
        path.unlink()


def make_folder(path: Path) -> None:
    """Create a folder, or accept one that exists.

    Args:
        path: path of the folder; its parent must exist.

    Raises:
        UnusableFileError: if the path is a file or a link, which could lead out of the directory.
    """
    try:
        path.mkdir()
    except FileExistsError:
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise _obstructed(path, "a folder") from None


def open_file(root: Path, name: str, limit: int) -> BinaryIO:
    """Open a regular file below a directory for reading, without following links.

    Args:
        root: the directory.
        name: path of the file relative to ``root``, with ``/`` between folders.
        limit: largest size in bytes.

    Raises:
        FileNotFoundError: if the file does not exist.
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
    """Read a regular file below a directory; arguments and errors as in :func:`open_file`."""
    with open_file(root, name, limit) as file:
        return file.read(limit)


def open_lock(path: Path) -> int:
    """Open a file in order to lock it; it is created if it does not exist.

    Args:
        path: path of the file; its folder is not a link.

    Returns:
        The file descriptor.

    Raises:
        UnusableFileError: if it is a link, a device, a FIFO or a folder.
    """
    return _opened(path, os.O_RDWR | os.O_CREAT)


def open_to_append(path: Path) -> TextIO:
    """Open a text file for appending; it is created if it does not exist.

    Args:
        path: path of the file; its folder is not a link.

    Raises:
        UnusableFileError: if it is a link, a device, a FIFO or a folder.
    """
    return os.fdopen(_opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "a", encoding="utf-8")


def folders(directory: Path) -> list[Path]:
    """The folders in a directory, sorted by name, without links; none if it does not exist."""
    try:
        with os.scandir(directory) as found:
            names = [entry.name for entry in found if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [directory / name for name in sorted(names)]


def _opened(path: Path, flags: int) -> int:
    with suppress(FileNotFoundError):
        _require_regular(path, path.lstat())  # opening a device may have an effect
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


def _obstructed(path: Path, expected: str) -> UnusableFileError:
    return UnusableFileError(
        f"{literal(str(path))} must be {expected}. Found {_kind(path.lstat().st_mode)}. "
        "Remove it, or use another directory."
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
    """Write the content to a temporary file beside ``path``, and remove it at the end."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
        try:
            with os.fdopen(os.open(temporary, flags, 0o666), "wb") as file:  # less the umask
                file.write(content)
        except OSError as error:
            error.filename = str(path)  # Python names no file, or the temporary one
            raise
        yield temporary
    finally:
        with suppress(OSError):  # it is gone, or was never made because no file can be
            temporary.unlink()
