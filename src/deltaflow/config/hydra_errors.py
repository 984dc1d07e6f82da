"""What Hydra and OmegaConf have to say about a configuration, in our own three beats."""

import re
import traceback
from pathlib import Path

import hydra
import omegaconf
import yaml
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
    SearchPathException,
)
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from deltaflow.config.arguments import closest_name, truncated
from deltaflow.config.omegaconf_errors import explain_value
from deltaflow.config.options import config_directory

_COMPOSING = {Path(str(library.__file__)).parent for library in (hydra, omegaconf, yaml)}
_LEVELS = 100  # of calls, in which a library that calls itself without end shows up
_LAUNCHERS = (  # plugin, option, extra
    ("joblib", "joblib", "parallel"), ("submitit", "submitit_local", "slurm"), ("ray", "ray", "ray")
)  # fmt: skip
_HYDRAS_WORDS = {  # as Hydra begins its message: the whole of ours, with what it found
    r"Config group override must be": (
        "A config group must be given one of its options. Found null or a number. "
        "Use a name, such as `logger=none`; --help lists them."
    ),
    r"argument of type 'int' is not iterable": (
        "A config group must be given one of its options. Found a list of numbers. "
        "Use a name, such as `logger=none`; --help lists them."
    ),
    r"Multiple values for (?P<group>\S+?)\.": (
        "A group that has an option already takes another one without a plus. "
        "Found `+{group}=…`. Use `{group}=…`."
    ),
    r"You must specify '(?P<group>.*?)'": (
        "`{group}` must be given one of its options. Found ???. --help lists them."
    ),
    r"Could not append to config\. An item is already at '(?P<key>.*?)'": (
        "A plus adds a setting that is not there yet. Found `+{key}=…`, which is there. "
        "Use `{key}=…`."
    ),
    r"Could not delete from config\. '(?P<key>.*?)' does not exist": (
        "A tilde removes a setting that is there. Found `~{key}`, which is not. "
        "See all settings with --cfg job."
    ),
    r"Could not delete from config\. The value of '(?P<key>.*?)' is (?P<value>.*?) and not": (
        "A tilde removes a setting that has this value. Found `{key}={value}`. Use `~{key}`."
    ),
    r"Ambiguous value for argument '(?P<override>.*?)'\n": (
        "One run takes one value for each setting. Found `{override}`. "
        "Put -m first to run all of them, or [ ] around a list."
    ),
    r"Sweep parameters '(?P<override>.*?)' requires": (
        "One run takes one value for each setting. Found `{override}`. Put -m first to run all."
    ),
    r"(In '(?P<file>.*?)': )?Could not override '(?P<group>.*?)'": (
        "An option must belong to a config group that exists. Found `{group}`. "
        "--help lists the groups."
    ),
    r"Cannot find primary config '(?P<name>.*?)'": (
        "--config-name and --config-path must lead to a file with all of a run's settings. "
        "Found no `{name}.yaml`. Leave both out, and add files of your own with --config-dir."
    ),
    r"Primary config (module|directory) '?(?P<name>.*?)'? not found": (
        "--config-path must be an absolute path to a folder. Found {name}. "
        "Leave it out, and add files of your own with --config-dir."
    ),
    **{
        rf"Unknown plugin class : 'hydra_plugins\.hydra_{plugin}": (
            f"`hydra/launcher={launcher}` needs the package hydra-{plugin}-launcher. Found none. "
            f"Install it with `pip install 'deltaflow[{extra}]'`."
        )
        for plugin, launcher, extra in _LAUNCHERS
    },
    r"Primary config directory not found[^']*'(?P<name>.*?)'": (
        "--config-path must be an absolute path to a folder. Found {name}. "
        "Leave it out, and add files of your own with --config-dir."
    ),
    r"Could not delete '(?P<key>.*?)'\. No match in the defaults list": (
        "A tilde removes an option that is chosen. Found `~{key}`, which is not. "
        "--info defaults lists them."
    ),
    r"(?P<said>[^\n]*\b(defaults|default item|ConfigDefault|_self_)\b[^\n]*)": (
        "A defaults list must hold options and lines such as `group: option`, and `_self_` once "
        "at most. Found: {said}. Correct it in the file."
    ),
    r"BasicSweeper does not support sweep type : INTERVAL_SWEEP": (
        "A sweep over combinations must be given the values of each setting. Found "
        "`interval(…)`, which has none. List them, or use `range(start,stop,step)`."
    ),
    r"hydra\.searchpath must be a list of strings\. Got: (?P<value>.*)": (
        "`hydra.searchpath` must be a list. Found {value}. Use `hydra.searchpath=[file://…]`."
    ),
}


def explain_composition(error: BaseException) -> str | None:
    """The message for a command or file that Hydra could not make a configuration of.

    Args:
        error: whatever was raised.

    Returns:
        The message; ``None`` if it has nothing to do with a configuration.
    """
    if not _is_about_composition(error):
        return None
    text = str(error)
    if isinstance(error, RecursionError):
        return (
            "A configuration must end, and be nested less deeply than Python can follow. Found one "
            "that is not. Look for a file whose defaults list leads back to it, an anchor (&) that "
            "contains itself (*), or brackets within brackets."
        )
    if isinstance(error, MarkedYAMLError):
        place = error.problem_mark or error.context_mark
        spot = f"{place.name}, line {place.line + 1}, column {place.column + 1}" if place else "it"
        return f"A configuration file must be YAML. Found in {spot}: {error.problem}. Correct it."
    if isinstance(error, yaml.reader.ReaderError):
        return (
            f"A configuration file must be text. Found in {error.name}, at its character "
            f"{error.position + 1}: {error.reason}. Remove it."
        )
    if isinstance(error, SearchPathException):
        folder = re.search(r"'(.*?)'", text)
        return (
            f"--config-dir must be a folder. Found {folder[1] if folder else text}, which is none. "
            "Check the path: it starts where the command runs."
        )
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, option = error.missing_cfg_file.rpartition("/")
        close = closest_name(option, error.options)
        advice = f"Did you mean `{group}={close}`?" if close else "See --help."
        found = truncated(option)
        return f"`{group}` must be one of {', '.join(error.options)}. Found `{found}`. {advice}"
    if isinstance(error, MissingConfigException) and (where := re.match(r"In '(.*?)'", text)):
        return (
            f"A defaults list must name files that exist. Found `{error.missing_cfg_file}`. "
            f"Correct it in {where[1]}.yaml."
        )
    if isinstance(error, OverrideParseException):
        return (
            f"An override must read key=value. Found `{truncated(error.override)}`. Put values "
            "with spaces or any of , = ~ ( ) into quotes, and letters beyond ASCII: 'key=\"a, b\"'."
        )
    if isinstance(error, ConfigCompositionException):
        cause = error.__cause__ or error.__context__
        if cause is not None and (said := explain_value(cause)):
            where = re.match(r"In '(.*?)'", text)
            if where and "setting that exists" in said:
                return (
                    f"{said} It stands in {where[1]}.yaml, which must begin with `# @package "
                    "_global_` if it speaks of several groups."
                )
            return f"{said} It stands in {where[1]}.yaml." if where else said
    narrow = re.match(r"In '(?P<file>.*?)': Could not override '(?P<group>[^']*)@", text)
    if narrow and (config_directory() / narrow["group"]).is_dir():
        return (
            "A file that sets several groups must say that it speaks of all of them. Found "
            f"`{narrow['group']}` in {narrow['file']}.yaml, which does not. Begin that file with "
            "`# @package _global_`."
        )
    for pattern, message in _HYDRAS_WORDS.items():
        if match := re.match(pattern, text):
            return message.format(
                **{name: truncated(said or "") for name, said in match.groupdict().items()}
            )
    return explain_value(error) or (
        "A command, and the files it names, must be such that Hydra can compose them. Found: "
        f"{' '.join(text.split())[:300].rstrip('.')}. See --help, --hydra-help and --cfg job."
    )


def _is_about_composition(error: BaseException) -> bool:
    """Whether Hydra, OmegaConf or YAML has raised an error, of whatever type."""
    if isinstance(error, HydraException | OmegaConfBaseException | YAMLError):
        return True
    if isinstance(error, OSError | MemoryError | UnicodeError):  # which say what it was about
        return False
    files = [Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)]
    n_deepest = _LEVELS if isinstance(error, RecursionError) else 1  # `re` may be what is deepest
    return any(_COMPOSING & set(file.parents) for file in files[-n_deepest:])
