"""How the commands that are not Hydra's read what was typed."""

from argparse import ArgumentParser
from typing import NoReturn

from deltaflow.system.errors import UserError


class Parser(ArgumentParser):
    """An `ArgumentParser` that raises a `UserError`; help is the module's docstring.

    Args:
        takes: a sentence on what the command takes, for its messages.
    """

    def __init__(self, takes: str) -> None:
        super().__init__(add_help=False, allow_abbrev=False)
        self.takes = takes

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the arguments."""
        raise UserError(f"{self.takes} Found: {message}. See --help.")
