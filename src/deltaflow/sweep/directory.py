"""The directory of a sweep: it is prepared here, and holds the files that its processes share."""

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

SHARED = ".sweep"  # folder with the files that the processes of a sweep share
_FAILED = "failed"
REPLACED = "replaced-"
_CONFIG = "multirun.yaml"  # Hydra writes it, and would follow a link
_LARGEST_CONFIG = 2**26  # bytes
NUMBER = re.compile("[0-9]{1,9}")


def open_sweep(sweep: Path, resumed: bool) -> None:
    """Prepare the directory of a sweep before any run begins.

    Args:
        sweep: the sweep's directory; it is created if it does not exist.
        resumed: whether a sweep is resumed; else the directory must have no runs.

    Raises:
        UnusableFileError: if a path to which the sweep writes is a link or not a regular file.
        ValueError: if a new sweep's directory has runs, or there is no sweep to resume.
    """
    is_sweep = _is_configured(sweep) or os.path.lexists(sweep / SHARED)  # the first refuses links
    if not resumed and has_runs(sweep):
        go_on = f", or go on with it: `{resume_override(str(sweep))}`" if is_sweep else ""
        raise UserError(
            "A run or sweep needs a directory of its own. Found the records of another in "
            f"{sweep}. Name a new one, or delete that{go_on}."
        )
    if resumed and not is_sweep:
        if os.path.lexists(sweep / SUMMARY):
            found = f"one run in {sweep}"
        elif has_runs(sweep):
            found = f"{sweep}, whose runs are of no sweep"
        else:
            found = f"{sweep}, {'which has no runs' if sweep.is_dir() else 'which is no folder'}"
        raise UserError(
            f"`sweep.resume` must be the directory of a sweep. Found {found}. Use the directory "
            "that the sweep printed, such as outputs/sweep_…; it starts where the command runs."
        )
    sweep.mkdir(parents=True, exist_ok=True)
    make_folder(sweep / SHARED)  # from now on the sweep can be resumed
    remove_file(sweep / SHARED / _FAILED)
    if resumed:
        _clean_up(sweep)


def _clean_up(sweep: Path) -> None:
    """Remove incomplete directories that a killed sweep has left.

    Raises:
        UnusableFileError: if the directory of a run is a broken link.
    """
    for rest in folders(sweep / SHARED):
        if rest.name.startswith(REPLACED):  # the process was killed while deleting it
            shutil.rmtree(rest, ignore_errors=True)
    for name in os.listdir(sweep):
        if NUMBER.match(name) and (sweep / name).is_symlink() and not (sweep / name).exists():
            make_folder(sweep / name)  # it refuses a link
    for directory in folders(sweep):  # killed before the summary was written
        if SLUG.fullmatch(directory.name) and not os.path.lexists(directory / SUMMARY):
            with suppress(OSError):  # it has other files
                for name in os.listdir(directory):
                    if name.startswith(f".{SUMMARY}."):
                        (directory / name).unlink()
                directory.rmdir()


def has_runs(sweep: Path) -> bool:
    """Whether the directory of a sweep has a run."""
    return any(os.path.lexists(folder / SUMMARY) for folder in folders(sweep))


def note_failure(sweep: Path) -> None:
    """Record that a run has failed, even if the run itself left no record."""
    make_folder(sweep / SHARED)
    replace_file(sweep / SHARED / _FAILED, b"")


def has_failed(sweep: Path) -> bool:
    """Whether a run has failed since the sweep was started or resumed."""
    return os.path.lexists(sweep / SHARED / _FAILED)


def _is_configured(sweep: Path) -> bool:
    """Whether Hydra has written the sweep's configuration; it will be written again.

    Raises:
        UnusableFileError: if the file is a link or not a regular file.
    """
    try:
        open_file(sweep, _CONFIG, _LARGEST_CONFIG).close()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
