"""The error whose message is for whoever typed, wrote or named what is wrong."""


class UserError(ValueError):
    """Something cannot be done as asked: the message says what is expected, found, and to be done.

    Every command ends with the message alone, and from Python it is a ``ValueError``.
    """
