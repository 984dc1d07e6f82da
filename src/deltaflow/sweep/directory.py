"""The directory of a sweep: new or going on, and what its processes tell each other there."""

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from deltaflow.config.names import SLUG, resume_override
from deltaflow.records import SUMMARY
from deltaflow.system.errors import UserError
from deltaflow.system.files import (
    folders,
    make_folder,
    open_file,
    remove_file,
    replace_file,
)

SHARED = ".sweep"  # what the processes of a sweep tell each other
_FAILED = "failed"
REPLACED = "replaced-"
_CONFIG = "multirun.yaml"  # Hydra writes it, links or not
_LARGEST_CONFIG = 2**26  # bytes
NUMBER = re.compile("[0-9]{1,9}")


def open_sweep(sweep: Path, resumed: bool) -> None:
    """Make a sweep's directory ready, before any run begins.

    Args:
        sweep: its directory; made if it is new.
        resumed: whether it is to go on; else it must be new.

    Raises:
        UnusableFileError: if a link, or something else that is not the sweep's own, is where
            the sweep will write.
        ValueError: if there are runs in a directory that should be new, or no sweep where one
            should go on.
    """
    if not resumed and has_runs(sweep):
        raise UserError(
            "A run or sweep needs a directory of its own. Found the records of another in "
            f"{sweep}. Name a new one, delete that, or go on with it: "
            f"`{resume_override(str(sweep))}`."
        )
    is_configured = _is_configured(sweep)  # or refused, whatever else is there
    has_begun = has_runs(sweep) or is_configured or os.path.lexists(sweep / SHARED)
    if resumed and not has_begun:
        if os.path.lexists(sweep / SUMMARY):
            found = f"one run in {sweep}"
        else:
            found = f"{sweep}, {'which has no runs' if sweep.is_dir() else 'which is no folder'}"
        raise UserError(
            f"`sweep.resume` must be the directory of a sweep. Found {found}. Use the directory "
            "that the sweep printed, such as outputs/sweep_…; it starts where the command runs."
        )
    sweep.mkdir(parents=True, exist_ok=True)
    make_folder(sweep / SHARED)  # from now on it can be resumed
    remove_file(sweep / SHARED / _FAILED)
    if resumed:
        _clear(sweep)


def _clear(sweep: Path) -> None:
    """Remove what a sweep that was killed has left half made.

    Raises:
        UnusableFileError: if a link to nowhere is where a run of it would be.
    """
    for rest in folders(sweep / SHARED):
        if rest.name.startswith(REPLACED):  # somebody was killed while deleting
            shutil.rmtree(rest, ignore_errors=True)
    for name in os.listdir(sweep):
        if NUMBER.match(name) and (sweep / name).is_symlink() and not (sweep / name).exists():
            make_folder(sweep / name)  # which refuses it
    for directory in folders(sweep):  # or before there was a summary
        if SLUG.fullmatch(directory.name) and not os.path.lexists(directory / SUMMARY):
            with suppress(OSError):  # there is more in it
                for name in os.listdir(directory):
                    if name.startswith(f".{SUMMARY}."):
                        (directory / name).unlink()
                directory.rmdir()


def has_runs(sweep: Path) -> bool:
    """Whether a run of a sweep has begun."""
    return any(os.path.lexists(folder / SUMMARY) for folder in folders(sweep))


def note_failure(sweep: Path) -> None:
    """Remember that a run has failed, whether or not it left a record of that."""
    make_folder(sweep / SHARED)
    replace_file(sweep / SHARED / _FAILED, b"")


def has_failed(sweep: Path) -> bool:
    """Whether a run has failed since the sweep began, or was resumed."""
    return os.path.lexists(sweep / SHARED / _FAILED)


def _is_configured(sweep: Path) -> bool:
    """Whether Hydra has written the sweep's configuration, which it will write again.

    Raises:
        UnusableFileError: if it would write somewhere else.
    """
    try:
        open_file(sweep, _CONFIG, _LARGEST_CONFIG).close()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
