"""What can go wrong with the archive, in plain words; the texts of libraries are paragraphs of class names."""

import os
import re
from urllib.parse import urlsplit

import requests
import urllib3

from common.cli.connection_signs import CONNECTION_SIGNS
from common.errors import UserError

UNUSABLE_BUNDLE = ("X509", "PEM", "No such file", "Permission denied", "Is a directory")


class ArchiveError(UserError):
    """A file could not be downloaded from the archive: says what failed, the address, and what to do."""


class Unreachable(ArchiveError):
    """The archive sent nothing: no route, unknown name, refused, silent, or only server errors."""


class NotInArchive(ArchiveError):
    """The archive answered that it does not have the file."""


class Transient(Exception):
    """One try failed, but the next may succeed.

    `received` says whether any bytes of the file arrived, `slow` that there were almost none.
    """

    def __init__(self, reason: str, received: bool = False, slow: bool = False):
        super().__init__(reason)
        self.received, self.slow = received, slow


def shown(url: str) -> str:
    """An address without secrets: a redirect can contain a password, or a signature that works like one."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "an address that cannot be read"


def bundle_trouble(url: str) -> ArchiveError:
    """The error for certificates that cannot be read."""
    names = [name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)]
    named = ", ".join(f"{name}={os.environ[name]}" for name in names) or "those of this Python"
    return ArchiveError(
        f"The certificates for checking {url} cannot be read. Received: {named}. Set "
        "REQUESTS_CA_BUNDLE to a file with certificates, or unset it."
    )


def request_trouble(error: Exception, url: str, connect_s: float, read_s: float) -> Exception:
    """The error for a failed request."""
    text = str(error)
    kinds = requests.exceptions
    if isinstance(error, kinds.SSLError) and "CERTIFICATE_VERIFY_FAILED" in text:
        return Unreachable(
            f"The archive's certificate is not trusted. Received: {url}. Check the address and the clock, or set "
            "REQUESTS_CA_BUNDLE to your own certificates."
        )
    if isinstance(error, kinds.ConnectTimeout):
        return Transient(f"no connection within {connect_s:g} s")
    if isinstance(error, kinds.Timeout):
        return Transient(f"no answer within {read_s:g} s")
    if isinstance(error, kinds.TooManyRedirects | kinds.InvalidURL | kinds.InvalidSchema | kinds.MissingSchema):
        return ArchiveError(f"The address is invalid ({type(error).__name__}). Received: {url}. Check it.")
    if isinstance(error, kinds.SSLError) and any(sign in text for sign in UNUSABLE_BUNDLE):
        return bundle_trouble(url)
    if isinstance(error, kinds.SSLError):
        return Transient("no TLS connection (is it an http:// address?)")
    if isinstance(error, kinds.ProxyError):
        return Transient("the proxy in the environment variables refuses the connection")
    for sign, words in CONNECTION_SIGNS:
        if re.search(sign, text):
            return Transient(words)
    return Transient(f"the connection failed ({type(error).__name__})")


def body_trouble(error: Exception, read_s: float) -> str:
    """Why a body ended too early, in plain words."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return f"the server sent nothing for {read_s:g} s"
    return "the connection broke in the middle of the file"
