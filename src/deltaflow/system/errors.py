"""The error whose message is for the user."""


class UserError(ValueError):
    """A request that cannot be met; the message says what is expected, found and to be done.

    A command prints the message without a traceback. From Python it is a ``ValueError``.
    """
