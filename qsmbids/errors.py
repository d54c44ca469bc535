"""The errors that a user is meant to read: one clear sentence each."""


class QsmbidsError(Exception):
    """Base of every error whose text is written for the user."""


class InputError(QsmbidsError):
    """Bad input: the sentence names the file, what is wrong and what to do."""


class UsageError(QsmbidsError):
    """The command line asks for something that cannot be done (exit code 2)."""
