"""The one exception whose message is meant for the user."""


class UserError(Exception):
    """Something the user can fix: says what was wrong, what was received and what to do, in one line."""
