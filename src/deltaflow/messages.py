"""Any error as one message: what was expected, what was found, what to do."""

import difflib
import re

from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    OmegaConfBaseException,
    ValidationError,
)

from deltaflow.config import settings


def explain(error: BaseException) -> str:
    """What to tell the person who typed the command.

    Args:
        error: whatever was raised.

    Returns:
        The message, without a traceback.
    """
    if isinstance(error, MissingConfigException) and error.options:
        group, _, option = (error.missing_cfg_file or "").rpartition("/")
        nearest = difflib.get_close_matches(option, error.options, n=1)
        advice = f"Did you mean `{group}={nearest[0]}`?" if nearest else "See --help."
        return f"`{group}` must be one of {', '.join(error.options)}. Found `{option}`. {advice}"
    if isinstance(error, OverrideParseException):
        return (
            f"An override must read key=value. Found `{error.override}`. "
            "Put values with spaces or commas into quotes: 'key=\"a, b\"'."
        )
    if misuse := _misused_group(str(error)):
        return misuse
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) else error
    if isinstance(cause, ConfigAttributeError | ConfigKeyError):
        name = str(cause.full_key or cause.key)
        nearest = difflib.get_close_matches(name, settings(), n=1, cutoff=0.75)
        advice = f"Did you mean `{nearest[0]}`?" if nearest else "See all settings with --cfg job."
        return f"An override must name a setting that exists. Found `{name}`. {advice}"
    if isinstance(cause, ValidationError):
        return _wrong_type(cause)
    if isinstance(error, ConfigCompositionException | OmegaConfBaseException | ValueError):
        return str(error)
    if isinstance(error, OSError):
        return f"A file could not be used: {error}. Check that it is there, and the free space."
    return (
        f"{type(error).__name__}: {error}. This should not have come so far. "
        "HYDRA_FULL_ERROR=1 shows where it did."
    )


def _misused_group(text: str) -> str | None:
    """Hydra's two ways to say that a group was not given one option."""
    if text.startswith("Config group override must be"):
        return (
            "A config group must be given one of its options. Found null or a number. "
            "Use a name, such as `logger=none`; --help lists them."
        )
    if twice := re.match(r"Multiple values for (\S+?)\.", text):
        return (
            f"A group that has an option already takes another one without a plus. Found "
            f"`+{twice[1]}=…`. Use `{twice[1]}=…`."
        )
    return None


def _wrong_type(error: ValidationError) -> str:
    reason = str(error).splitlines()[0]
    kind = re.search(r"could not be converted to (\w+)", reason)
    value = re.search(r"Value '(.*?)'", reason)
    if "not Optional" in reason:
        return f"`{error.full_key}` must have a value. Found null. See --cfg job for the default."
    if kind is None or value is None:
        return f"`{error.full_key}` must have another type. Found: {reason}. See --cfg job."
    names = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}
    return (
        f"`{error.full_key}` must be {names.get(kind[1], kind[1])}. Found {value[1]}. "
        "See --cfg job for the value that it has by default."
    )
