"""Explains failed downloads in plain words; the libraries' own error messages are long and full of class names."""

import os
import re
from urllib.parse import urlsplit

import requests
import urllib3

from common.cli.connection_signs import CONNECTION_SIGNS
from common.errors import UserError

UNUSABLE_BUNDLE = re.compile("X509|PEM|No such file|Permission denied|Is a directory")


class ArchiveError(UserError):
    """A file could not be downloaded from the archive; the message says what failed, where, and what to do."""


class Unreachable(ArchiveError):
    """The archive cannot be reached, does not answer, or answers only with server errors."""


class NotInArchive(ArchiveError):
    """The archive answered that it does not have the file."""


class Transient(Exception):
    """One try failed, but the next may succeed. received: whether data arrived. slow: whether it arrived too slowly."""

    def __init__(self, reason: str, received: bool = False, slow: bool = False):
        super().__init__(reason)
        self.received, self.slow = received, slow


def shown(url: str) -> str:
    """Removes secrets from an address: a redirect can contain a password, or a signature that works like one."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "an address that cannot be parsed"


def request_trouble(error: Exception, url: str) -> Exception:
    """Returns the exception to raise for a failed request."""
    kinds, text = requests.exceptions, f"{type(error).__name__}: {error}"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return Unreachable(
            f"The archive's certificate is not trusted. Received: {url}. Check the address and this computer's clock. "
            "If your organisation signs certificates itself, set REQUESTS_CA_BUNDLE to its certificate file."
        )
    # Raised by the requests package, or by the packages that it uses after a redirect to an invalid address.
    if isinstance(error, ValueError | kinds.TooManyRedirects | urllib3.exceptions.HTTPError):
        return ArchiveError(f"The address is invalid ({type(error).__name__}). Received: {url}. Check it.")
    if not isinstance(error, kinds.RequestException) or (
        isinstance(error, kinds.SSLError) and UNUSABLE_BUNDLE.search(text)
    ):
        names = [name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)]
        named = ", ".join(f"{name}={os.environ[name]}" for name in names) or "Python's own certificates"
        return ArchiveError(
            f"The certificates for checking {url} cannot be read. Received: {named}. Set "
            "REQUESTS_CA_BUNDLE to a file with certificates, or unset it."
        )
    known = (words for sign, words in CONNECTION_SIGNS if re.search(sign, text))
    return Transient(next(known, f"the connection failed ({type(error).__name__})"))
