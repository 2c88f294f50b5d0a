"""Defines the exception whose message is meant for the user."""


class UserError(Exception):
    """An error that the user can fix; its one-line message says what is wrong, what was received and what to do."""
