"""Resumes a stopped run with the overrides that it was started with."""

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from deltaflow.config.names import named_classes, quoted, with_quoted_paths
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal

_RESUME = re.compile(r"resume=.")


def with_settings_of_run(arguments: Sequence[str]) -> list[str]:
    """Add the recorded overrides of a run to the arguments that resume it; put paths into quotes.

    Classes that a directory names are never built, so they must be typed again.

    Args:
        arguments: flags and overrides; without ``resume=…`` none is added.

    Raises:
        ValueError: if there is no run, or it needs a class of the user that is not typed.
    """
    arguments = with_quoted_paths(arguments)
    places = [k for k, argument in enumerate(arguments) if _RESUME.match(argument)]
    if len(places) != 1 or {"-m", "--multirun"} & set(arguments):
        return arguments
    (parsed,) = OverridesParser.create().parse_overrides([arguments[places[0]]])
    if parsed.is_sweep_override() or not isinstance(parsed.value(), str):
        return arguments
    directory = Path(str(parsed.value()))
    from deltaflow.comparison.collection import named_run  # polars is slow to import

    typed = {argument.partition("=")[0] for argument in arguments}
    recorded = [o for o in named_run(directory).overrides if o.partition("=")[0] not in typed]
    if named := named_classes(recorded):
        raise UserError(
            "A class of your own is built only if you name it, not a directory. Found "
            f"`{literal(named[0])}` in {literal(str(directory))}. Type it behind `resume=…`."
        )
    where = quoted(str(directory.absolute()))
    before, after = arguments[: places[0]], arguments[places[0] + 1 :]
    own = [f"resume={where}", f"hydra.run.dir={where}", *with_quoted_paths(recorded)]
    return [*before, *own, *after]
