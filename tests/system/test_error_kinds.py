"""What an error is about is told by its type, whatever it says."""

import errno
import socket
import urllib.error

import pytest

from deltaflow.system.error_kinds import is_about_a_connection, is_about_a_file

FILES = [
    FileNotFoundError(errno.ENOENT, "No such file", "my.csv"),
    PermissionError(errno.EACCES, "Permission denied", "my.csv"),
    OSError(errno.ENOSPC, "No space left on device"),
]
CONNECTIONS = [
    ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    TimeoutError("timed out"),
    socket.gaierror(-2, "Name or service not known"),
    urllib.error.URLError("no file found"),
    OSError(errno.ENETUNREACH, "Network is unreachable"),
]
NEITHER = [OSError("the file is locked"), ValueError("No such file"), OSError(errno.EPERM, "no")]


@pytest.mark.parametrize("error", FILES, ids=repr)
def test_a_file_that_cannot_be_used(error):
    assert is_about_a_file(error)
    assert not is_about_a_connection(error)


@pytest.mark.parametrize("error", CONNECTIONS, ids=repr)
def test_a_connection_that_is_not_there(error):
    assert is_about_a_connection(error)
    assert not is_about_a_file(error)


@pytest.mark.parametrize("error", NEITHER, ids=repr)
def test_what_is_neither(error):
    assert not is_about_a_file(error)
    assert not is_about_a_connection(error)
