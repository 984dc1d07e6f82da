"""Classifies errors by their type: those about a file, and those about a connection.

Python has one ``OSError`` for both, and libraries derive their own from it.

>>> is_about_a_file(FileNotFoundError(2, "No such file", "my.csv"))
True
>>> is_about_a_file(ConnectionRefusedError(111, "refused")), is_about_a_connection(TimeoutError())
(False, True)
"""

import errno
import ssl
from pathlib import Path

_FILE_ERRNOS = {  # for errors without a file name, as when writing to an open file fails
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG, errno.EMFILE, errno.ENFILE,
    errno.EBADF, errno.ENAMETOOLONG, errno.ESPIPE,
}  # fmt: skip
_CONNECTION_ERRNOS = {
    errno.ENETDOWN, errno.ENETUNREACH, errno.ENETRESET, errno.EHOSTDOWN, errno.EHOSTUNREACH,
    errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.ENOTCONN, errno.ENOBUFS, errno.ENOTSOCK,
}  # fmt: skip
_LOGGER_ERRORS = {"MlflowException"}  # raised for its server and for its files alike
_NETWORK_LIBRARIES = {"socket", "urllib", "http", "urllib3", "requests", "httpx", "aiohttp"}


def is_about_a_file(error: BaseException) -> bool:
    """Whether the error is about a file, a folder or a disk."""
    if not isinstance(error, OSError) or is_about_a_connection(error):
        return False
    return error.filename is not None or error.errno in _FILE_ERRNOS


def file_in_place_of_folder(error: BaseException) -> Path | None:
    """The file that stands where the error's path needs a folder; ``None`` if there is none."""
    if not isinstance(error, FileExistsError | NotADirectoryError):
        return None
    if not isinstance(error.filename, str):
        return None
    path = Path(error.filename)
    places = [path] if isinstance(error, FileExistsError) else path.parents
    return next((place for place in places if place.exists() and not place.is_dir()), None)


def is_about_a_connection(error: BaseException) -> bool:
    """Whether the error is a failed or lost connection to another process or machine."""
    packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return (
        isinstance(error, ConnectionError | TimeoutError | ssl.SSLError)
        or bool(packages & _NETWORK_LIBRARIES)
        or type(error).__name__ in _LOGGER_ERRORS
        or (isinstance(error, OSError) and error.errno in _CONNECTION_ERRNOS)
    )
