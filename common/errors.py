"""The one exception that a user is meant to see."""


class UserError(Exception):
    """Something the user can fix: says what was wrong, what was received and what to do, in one line."""
