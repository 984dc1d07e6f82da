"""Builds the parts of a run that a configuration names by ``_target_``, and explains their errors.

A part may be a user's own class. An error in it, while it is built or during training, becomes one
message with the name of the part and the place in its file. In this module, ``config`` is the whole
configuration, and ``group`` is the dotted name of a part as on the command line.
"""

import inspect
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from deltaflow.config.arguments import argument_names, as_typed, check_arguments
from deltaflow.system.error_kinds import is_about_a_file
from deltaflow.system.errors import UserError
from deltaflow.system.installation import PACKAGE
from deltaflow.system.memory import is_out_of_memory

GROUPS = ("activation", "init", "loss", "data", "optimizer", "scheduler")
NAMED_GROUPS = ("logger", "callbacks")  # groups with several parts, each with a name


def build_part(config: DictConfig, group: str, kind: type, without: Sequence[str] = ()) -> Any:
    """Call a group's ``_target_`` with its arguments.

    Args:
        config: the whole configuration.
        group: name of the group.
        kind: the type that the part must have.
        without: keys of the group that are not passed to the target.

    Raises:
        ValueError: if there is no such target, it refuses its arguments, or the result is not of
            the required type.
    """
    with errors_name_part(config, group):
        return _checked(_instantiated(config, group, without), group, kind)


def part_factory(config: DictConfig, group: str, kind: type) -> Callable[[Any], Any]:
    """Make a function that builds a part from one argument that a configuration cannot hold.

    Raises:
        ValueError: as for :func:`build_part`, here or when the function is called.
    """
    with errors_name_part(config, group):
        target = _instantiated(config, group, partial=True)

    def finish(given: Any) -> Any:
        with errors_name_part(config, group):
            return _checked(target(given), group, kind)

    return finish


@contextmanager
def errors_name_part(config: DictConfig, group: str) -> Iterator[None]:
    """Turn errors into messages that name the part of a group.

    Raises:
        ValueError: instead of any error whose message does not name its cause.
    """
    try:
        yield
    except Exception as error:
        cause = error
        if isinstance(error, InstantiationException) and isinstance(error.__cause__, Exception):
            cause = error.__cause__
        named = error_with_part(config, cause)
        if named is not cause or _names_its_cause(cause):
            raise named from None if named is cause else cause
        target = OmegaConf.select(config, f"{group}._target_")
        raise UserError(
            f"`{group}` must name a class or function that works with its arguments. Found "
            f"`{group}._target_={target}`: {_in_a_line(cause)}. Correct the name, the arguments, "
            "or what it names."
        ) from error


def error_with_part(config: DictConfig, error: Exception) -> Exception:
    """Find the part whose code raised an error.

    Returns:
        An error that names the part; the original error if it was raised in no part, or if its
        message names its cause.
    """
    if _names_its_cause(error):
        return error
    parts = _files(config)
    deeper: set[str] = set()  # libraries between the origin of the error and this frame
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if PACKAGE in Path(frame.filename).parents:  # called by this package, not by a part
            return error
        library = _library(frame.filename)
        deeper.add(library)
        if frame.filename not in parts or (library and deeper != {library}):
            continue  # an optimizer passes on the errors of its closure
        group = parts[frame.filename]
        place = f"{frame.filename}, line {frame.lineno}, in {frame.name}"
        if library:
            place = OmegaConf.select(config, f"{group}._target_")
        return UserError(
            f"`{group}` must run without an error. Found one in {place}: "
            f"{type(error).__name__}: {_in_a_line(error)}. "
            f"Correct {'its arguments' if library else 'it there'}, or name another with "
            f"`{group}._target_=…`."
        )
    return error


def _library(file: str) -> str:
    """The installed package that a file belongs to; empty for a user's own file."""
    parts = Path(file).parts
    return parts[parts.index("site-packages") + 1] if "site-packages" in parts[:-1] else ""


def _instantiated(
    config: DictConfig, group: str, without: Sequence[str] = (), partial: bool = False
) -> Any:
    node = OmegaConf.select(config, group)
    resolved = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_dict(node) else {}
    settings = cast(dict[str, Any], resolved)
    name = settings.get("_target_")
    target = get_object(name) if isinstance(name, str) and name else None
    if not callable(target):
        raise UserError(
            f"`{group}` must name a class or function with `{group}._target_`. Found "
            f"{as_typed(name)}. See --help for the options that there are."
        )
    taken = argument_names(target)
    given = {
        key: value
        for key, value in settings.items()
        if key not in without and (value is not None or taken is None or key in taken)
    }  # null is the value of an argument that only other options of the group have
    arguments = {key: value for key, value in given.items() if not str(key).startswith("_")}
    check_arguments(target, arguments, group, n_later=int(partial))
    plain = {"_convert_": "all"}  # plain lists and dictionaries instead of OmegaConf's
    return instantiate(plain | given, _partial_=partial)


def _checked(made: Any, group: str, kind: type) -> Any:
    if not isinstance(made, kind):
        raise UserError(
            f"`{group}` must be a {kind.__name__} of {kind.__module__.partition('.')[0]}'s. Found "
            f"{type(made).__name__}. Name a class of that kind with `{group}._target_=…`."
        )
    return made


def _names_its_cause(error: Exception) -> bool:
    """Whether an error's message names its cause: ours, and those about files and memory."""
    own = isinstance(error, UserError)
    elsewhere = is_about_a_file(error) or is_out_of_memory(error)
    return own or elsewhere or isinstance(error, OmegaConfBaseException)


def _files(config: DictConfig) -> dict[str, str]:
    """The names of the parts, by the file of their class or function."""
    names = [*GROUPS, *(f"{group}.{name}" for group in NAMED_GROUPS for name in config[group])]
    files = {}
    for name in names:
        try:
            target = get_object(OmegaConf.select(config, f"{name}._target_"))
            files[inspect.getsourcefile(inspect.unwrap(target)) or ""] = name
        except Exception:
            continue
    return files


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".") or "no reason given"
