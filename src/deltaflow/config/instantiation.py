"""Parts that a configuration names by ``_target_``: built, checked, and named where they fail.

A part may be the user's own. Whatever goes wrong in one, while it is built or in the middle
of training, becomes one message that says which part it was, and where in its file. Here,
``config`` is the whole configuration and ``group`` a dotted name, as on the command line.
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
from deltaflow.system.memory import is_out_of_memory

GROUPS = ("activation", "init", "loss", "data", "optimizer", "scheduler")
NAMED_GROUPS = ("logger", "callbacks")  # of parts by name
_PACKAGE = Path(__file__).parents[1]


def build_part(config: DictConfig, group: str, kind: type, without: Sequence[str] = ()) -> Any:
    """Call a group's ``_target_`` with its arguments, but for the keys in ``without``.

    Raises:
        ValueError: if there is no such target, it refuses its arguments, or what it returns is
            not of the kind.
    """
    with errors_name_part(config, group):
        return _checked(_instantiated(config, group, without), group, kind)


def part_factory(config: DictConfig, group: str, kind: type) -> Callable[[Any], Any]:
    """A function that builds a part from the one argument that a configuration cannot hold.

    Raises:
        ValueError: as :func:`build_part`, at once or when the function is called.
    """
    with errors_name_part(config, group):
        target = _instantiated(config, group, partial=True)

    def finish(given: Any) -> Any:
        with errors_name_part(config, group):
            return _checked(target(given), group, kind)

    return finish


@contextmanager
def errors_name_part(config: DictConfig, group: str) -> Iterator[None]:
    """Let errors within say that they came from building a group's part.

    Raises:
        ValueError: in place of any error but those that name their cause themselves.
    """
    try:
        yield
    except Exception as error:
        cause = error
        if isinstance(error, InstantiationException) and isinstance(error.__cause__, Exception):
            cause = error.__cause__
        told = error_with_part(config, cause)
        if told is not cause or _speaks_for_itself(cause):
            raise told from None if told is cause else cause
        target = OmegaConf.select(config, f"{group}._target_")
        raise UserError(
            f"`{group}` must name a class or function that works with its arguments. Found "
            f"`{group}._target_={target}`: {_in_a_line(cause)}. Correct the name, the arguments, "
            "or what it names."
        ) from error


def error_with_part(config: DictConfig, error: Exception) -> Exception:
    """The error that names the part whose file an error was raised in.

    Returns:
        The error itself if that was in no part, or if it names its cause itself.
    """
    if _speaks_for_itself(error):
        return error
    parts = _files(config)
    deeper: set[str] = set()  # the libraries that the error passed on its way
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _PACKAGE in Path(frame.filename).parents:  # it was we who called for it
            return error
        library = _library(frame.filename)
        deeper.add(library)
        if frame.filename not in parts or (library and deeper != {library}):
            continue  # an optimizer only passes on what its closure raises
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
    """The installed package that a file belongs to; empty for the user's own."""
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
    }  # null is how another option of the group says «not given»
    arguments = {key: value for key, value in given.items() if not str(key).startswith("_")}
    check_arguments(target, arguments, group, n_later=int(partial))
    plain = {"_convert_": "all"}  # lists, which a part can take apart, and not OmegaConf's
    return instantiate(plain | given, _partial_=partial)


def _checked(made: Any, group: str, kind: type) -> Any:
    if not isinstance(made, kind):
        raise UserError(
            f"`{group}` must be a {kind.__name__} of {kind.__module__.partition('.')[0]}'s. Found "
            f"{type(made).__name__}. Name a class of that kind with `{group}._target_=…`."
        )
    return made


def _speaks_for_itself(error: Exception) -> bool:
    """Whether an error needs no part's name: our own three beats, the disk, the memory."""
    own = isinstance(error, UserError)
    elsewhere = is_about_a_file(error) or is_out_of_memory(error)
    return own or elsewhere or isinstance(error, OmegaConfBaseException)


def _files(config: DictConfig) -> dict[str, str]:
    """The file of each part's class or function, with the part's name in the configuration."""
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
