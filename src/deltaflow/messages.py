"""Any error as one message: what was expected, what was found, what to do."""

from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException, ValidationError


def explain(error: BaseException) -> str:
    """What to tell the person who typed the command.

    Args:
        error: whatever was raised.

    Returns:
        The message, without a traceback.
    """
    if isinstance(error, MissingConfigException) and error.options:
        group, _, option = (error.missing_cfg_file or "").rpartition("/")
        return (
            f"`{group}` must be one of {', '.join(error.options)}. Found {option}. "
            f"Use `{group}={error.options[0]}`."
        )
    if isinstance(error, OverrideParseException):
        return (
            f"An override must read key=value. Found `{error.override}`. "
            "Put values with spaces or commas into quotes: 'key=\"a, b\"'."
        )
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) else error
    if isinstance(cause, ConfigKeyError):
        return (
            f"An override must name a setting that exists. Found `{cause.full_key or cause.key}`. "
            "See all settings with --cfg job."
        )
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


def _wrong_type(error: ValidationError) -> str:
    wanted = getattr(error.ref_type, "__name__", None) or str(error.ref_type)
    first = str(error).splitlines()[0]
    return f"`{error.full_key}` must be of the type {wanted}. Found another: {first}."
