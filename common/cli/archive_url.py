"""Holds the default address of the dataset archive and checks --archive-url."""

from urllib.parse import urlsplit

from common.errors import UserError

DEFAULT_URL = "https://datasets.naoth.de"


def checked_url(url: str) -> str:
    """Returns the address unchanged; raises a UserError unless it is a web address without a password."""
    _, at, server = url.partition("://")[2].partition("/")[0].rpartition("@")
    if at:  # the password is left out, because the message may end up in a log
        raise UserError(
            f"The archive's address contains a user name or password. Received: one for {server}. "
            "Put them into ~/.netrc and remove them from the address."
        )
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # an incomplete IPv6 address, or a port that is not a number
        usable = False
    if not usable or "?" in url or "#" in url:
        raise UserError(
            f"The archive's address must be http(s)://SERVER[/PATH]. Received: {url!r}. Example: {DEFAULT_URL}"
        )
    return url
