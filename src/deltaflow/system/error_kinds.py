"""Whether an error is about a file or a connection, by its type.

Python has one ``OSError`` for both, and libraries derive their own from it.

>>> is_about_a_file(FileNotFoundError(2, "No such file", "my.csv"))
True
>>> is_about_a_file(ConnectionRefusedError(111, "refused")), is_about_a_connection(TimeoutError())
(False, True)
"""

import errno
import ssl

_OF_FILES = {  # where the system names no file, as when one is written that is open already
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG, errno.EMFILE, errno.ENFILE,
    errno.EBADF, errno.ENAMETOOLONG, errno.ESPIPE,
}  # fmt: skip
_OF_CONNECTIONS = {
    errno.ENETDOWN, errno.ENETUNREACH, errno.ENETRESET, errno.EHOSTDOWN, errno.EHOSTUNREACH,
    errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.ENOTCONN, errno.ENOBUFS, errno.ENOTSOCK,
}  # fmt: skip
_OF_LOGGERS = {"MlflowException"}  # for whatever its server or file could not do
_NETWORK_LIBRARIES = {"socket", "urllib", "http", "urllib3", "requests", "httpx", "aiohttp"}


def is_about_a_file(error: BaseException) -> bool:
    """Whether a file, a folder or a disk is what failed."""
    if not isinstance(error, OSError) or is_about_a_connection(error):
        return False
    return error.filename is not None or error.errno in _OF_FILES


def is_about_a_connection(error: BaseException) -> bool:
    """Whether another process, or another machine, could not be reached or was lost."""
    homes = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return (
        isinstance(error, ConnectionError | TimeoutError | ssl.SSLError)
        or bool(homes & _NETWORK_LIBRARIES)
        or type(error).__name__ in _OF_LOGGERS
        or (isinstance(error, OSError) and error.errno in _OF_CONNECTIONS)
    )
