"""Keeps credentials out of everything that is written down: journals, logs, errors, tags."""

import os
import re

from common.cli import UserError

# The environment variables through which MLflow is given secrets.
_SECRET_VARIABLES = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
)
_USERINFO = re.compile(r"(?<=://)[^/\s'\"]*@")  # up to the last @: a password may hold one
_AUTHORIZATION = re.compile(r"(Authorization\W+(?:Basic|Bearer))\s+[^\s'\"]+", re.IGNORECASE)
# A shorter secret would blank out innocent text ("a" in every word).
_SHORTEST_SECRET = 4


def scrub(text: str) -> str:
    """Removes passwords from text: `user:password@` in URLs, authorization headers, the environment's secrets."""
    text = _AUTHORIZATION.sub(r"\1 ***", _USERINFO.sub("", text))
    for name in _SECRET_VARIABLES:
        secret = os.environ.get(name, "")
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


def without_credentials(uri: str) -> str:
    """The URI unchanged.

    Raises:
        UserError: it holds a user name or password, which would end up in logs and run folders.
    """
    scheme, separator, rest = uri.partition("://")
    if separator and "@" in rest:  # wherever it is: a password with a slash in it ends up in what looks like the path
        host = re.split(r"[/?#]", rest.rpartition("@")[2])[0]
        raise UserError(
            f"A tracking server's address must not hold credentials. Received: {scheme}://***@{host}. "
            "Give them in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
        )
    return uri
