import errno
import os
import stat

import pytest

from deltaflow.system.files import (
    UnusableFileError,
    create_file,
    make_folder,
    open_lock,
    read_file,
    replace_file,
)


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.parametrize("write", [replace_file, create_file])
def test_a_file_has_the_rights_that_the_umask_gives(write, umask, tmp_path):
    write(tmp_path / "a", b"text")
    assert (tmp_path / "a").read_bytes() == b"text"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_file_is_replaced_whole_or_not_at_all(monkeypatch, tmp_path):
    path = tmp_path / "kept.txt"
    path.write_text("before")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="no space"):
        replace_file(path, b"after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(UnusableFileError, match=r"a must be a file. Found a folder. Remove it"):
        replace_file(tmp_path / "a", b"text")
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_full_disk_is_told_with_the_name_of_the_file(monkeypatch, tmp_path):
    class Full:
        def __enter__(self):
            raise OSError(errno.ENOSPC, "No space left on device")

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "fdopen", lambda number, mode: os.close(number) or Full())
    with pytest.raises(OSError, match=r"No space left on device: '.*kept\.txt'"):
        replace_file(tmp_path / "kept.txt", b"text")
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_disk_is_told_by_the_name_that_was_asked_for(monkeypatch, tmp_path):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(OSError, match=r"Read-only file system: '[^']*/asked\.txt'"):
        replace_file(tmp_path / "asked.txt", b"text")


def test_a_link_is_replaced_and_what_it_leads_to_is_not(tmp_path):
    (tmp_path / "private").write_text("mine")
    (tmp_path / "a").symlink_to(tmp_path / "private")
    replace_file(tmp_path / "a", b"text")
    assert (tmp_path / "private").read_text() == "mine"
    assert not (tmp_path / "a").is_symlink()


def test_a_file_that_is_there_is_not_created_again(tmp_path):
    create_file(tmp_path / "a", b"first")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_folder_is_made_once(tmp_path):
    make_folder(tmp_path / "a")
    make_folder(tmp_path / "a")
    assert (tmp_path / "a").is_dir()


def leave_link(path):
    (path.parent / "elsewhere").mkdir()
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize(
    ("leave", "found"), [(leave_link, "a symbolic link"), (lambda path: path.touch(), "a file")]
)
def test_a_folder_is_not_made_where_something_else_is(leave, found, tmp_path):
    leave(tmp_path / "a")
    with pytest.raises(UnusableFileError, match=f"must be a folder. Found {found}"):
        make_folder(tmp_path / "a")


def test_a_regular_file_is_read(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"text")
    assert read_file(tmp_path, "a/b", limit=4) == b"text"
    (tmp_path / "named").symlink_to(tmp_path)  # whoever names a directory means it
    assert read_file(tmp_path / "named", "a/b", limit=4) == b"text"
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path, "a/c", limit=4)


def links_out(root):
    (root / "private").write_text("mine")
    (root / "b").symlink_to(root / "private")


def folder_links_out(root):
    (root / "private").mkdir()
    (root / "private" / "b").write_text("mine")
    (root / "a").symlink_to(root / "private")


@pytest.mark.parametrize(
    ("leave", "name", "found"),
    [
        (links_out, "b", "a symbolic link"),
        (folder_links_out, "a/b", "a symbolic link"),
        (lambda root: os.mkfifo(root / "b"), "b", "a FIFO"),
        (lambda root: (root / "b").mkdir(), "b", "a folder"),
        (lambda root: (root / "b").write_text("12345"), "b", "5 bytes"),
    ],
    ids=["link", "linked folder", "FIFO", "folder", "too large"],
)
def test_nothing_but_a_regular_file_of_the_directory_is_read(leave, name, found, tmp_path):
    leave(tmp_path)
    with pytest.raises(UnusableFileError, match=f"Found {found}"):
        read_file(tmp_path, name, limit=4)


def test_a_lock_file_is_made_and_stays_as_it_is(tmp_path):
    os.close(open_lock(tmp_path / "lock"))
    assert (tmp_path / "lock").read_bytes() == b""
    (tmp_path / "lock").write_bytes(b"a note")
    os.close(open_lock(tmp_path / "lock"))
    assert (tmp_path / "lock").read_bytes() == b"a note"


@pytest.mark.parametrize("leave", [links_out, lambda root: os.mkfifo(root / "b")])
@pytest.mark.parametrize("open_it", [open_lock, lambda path: read_file(path.parent, "b", 9)])
def test_what_takes_the_place_of_a_file_while_it_is_opened_is_not_opened(
    open_it, leave, tmp_path, monkeypatch
):
    leave(tmp_path)
    (tmp_path / "regular").touch()
    seen = (tmp_path / "regular").stat()
    monkeypatch.setattr("pathlib.Path.lstat", lambda path: seen)  # as it was a moment ago
    with pytest.raises((UnusableFileError, OSError)):
        open_it(tmp_path / "b")
