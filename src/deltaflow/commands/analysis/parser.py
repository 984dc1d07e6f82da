"""The argument parser of the commands that do not use Hydra."""

from argparse import ArgumentParser
from typing import NoReturn

from deltaflow.system.errors import UserError


class Parser(ArgumentParser):
    """An `ArgumentParser` that raises a `UserError`; the help is the module's docstring.

    Args:
        takes: a sentence for error messages that lists the arguments.
    """

    def __init__(self, takes: str) -> None:
        super().__init__(add_help=False, allow_abbrev=False)
        self.takes = takes

    def error(self, message: str) -> NoReturn:
        """Raise a :class:`UserError` with the message."""
        raise UserError(f"{self.takes} Found: {message}. See --help.")
