"""Keeps credentials out of everything that is written: journals, logs, errors, tags."""

import base64
import configparser
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from common.errors import UserError

# The environment variables that contain MLflow's secrets.
_SECRET_VARIABLES = (
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
)
_USERINFO = re.compile(r"(?<=://)[^/\s'\"]*@")  # up to the last @, because a password may contain one
_AUTHORIZATION = re.compile(r"(Authorization\W+(?:Basic|Bearer))\s+[^\s'\"]+", re.IGNORECASE)
# Removing secrets shorter than this would damage other text (every "a", for example).
_SHORTEST_SECRET = 4


def scrub(text: str) -> str:
    """Removes passwords from text: `user:password@` in URLs, authorization headers, and MLflow's secrets."""
    return scrubber()(text)


def scrubber() -> Callable[[str], str]:
    """Returns a function like `scrub` for many texts, which looks up the secrets only once."""
    secrets = _spellings()

    def scrub_one(text: str) -> str:
        if "://" in text:
            text = _USERINFO.sub("", text)
        text = _AUTHORIZATION.sub(r"\1 ***", text)
        for secret in secrets:
            text = text.replace(secret, "***")
        return text

    return scrub_one


def stored_credentials() -> dict[str, str]:
    """Returns the content of ~/.mlflow/credentials; empty if the file is missing or cannot be read."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(Path("~/.mlflow/credentials").expanduser(), encoding="utf-8")
        return dict(parser["mlflow"]) if "mlflow" in parser else {}
    except (configparser.Error, OSError, UnicodeError, RuntimeError):
        return {}


def _spellings() -> list[str]:
    """Returns all secrets, unchanged and as encoded in addresses and headers; the longest comes first."""
    stored = stored_credentials()
    secrets = [os.environ.get(name, "") for name in _SECRET_VARIABLES]
    secrets.append(stored.get("mlflow_tracking_password", ""))
    found = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
    users = {os.environ.get("MLFLOW_TRACKING_USERNAME", ""), stored.get("mlflow_tracking_username", "")}
    headers = {base64.b64encode(f"{user}:{secret}".encode()).decode() for user in users for secret in found}
    return sorted(found | {quote(secret, safe="") for secret in found} | headers, key=len, reverse=True)


def without_credentials(uri: str) -> str:
    """Returns the URI unchanged.

    Raises:
        UserError: the URI contains a user name or password, which would end up in logs and run folders.
    """
    if "@" in uri:  # anywhere in the URI, because a password with a slash looks like part of the path
        scheme = re.match(r"[\w+]+://|", uri)[0]
        host = re.split(r"[/?#]", uri.rpartition("@")[2])[0]
        raise UserError(
            f"A tracking server's address must not contain credentials. Received: {scheme}***@{host}. "
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead."
        )
    return uri
