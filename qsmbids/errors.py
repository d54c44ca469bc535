"""The errors that a user is meant to read: one clear sentence each."""


class QsmbidsError(Exception):
    """Base of every error whose text is written for the user."""


class InputError(QsmbidsError):
    """Bad input: the sentence names the file, what is wrong and what to do."""


class QsmbidsWarning(UserWarning):
    """What a reader of a map should know of how it was made; it goes into the report."""


class UsageError(QsmbidsError):
    """The command line asks for something that cannot be done (exit code 2)."""
