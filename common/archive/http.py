"""Sends requests to the archive and explains every failure in one clear line; the time limits are in retry.py."""

import json
import time
from collections.abc import Iterator
from typing import NamedTuple

import requests
import urllib3

from common.archive.download_errors import ArchiveError, NotInArchive, Transient, Unreachable, request_trouble
from common.archive.retry import Patience, retry
from common.cli.time_limit import within

TEXT_LIMIT_BYTES = 1 << 22  # an index page or a list of checksums is far smaller than this
CHUNK_BYTES = 1 << 17
SLOWEST_BYTES_PER_S = 1000  # a transfer that is slower than this for `Patience.slow_s` seconds is aborted
WORTH_ANOTHER_TRY = (408, 425, 429)  # HTTP status codes; codes of 500 and above are also worth another try


class Page(NamedTuple):
    """A short text: its address after redirects, its media type and its content."""

    url: str
    media_type: str
    text: str


def ask(url: str, patience: Patience) -> None:
    """Raises an ArchiveError, such as Unreachable or NotInArchive, if the archive does not serve a file."""
    retry(url, patience, lambda: get(url, {}, patience).close())


def get_text(url: str, patience: Patience) -> Page | None:
    """Downloads a short text, such as an index page; None if the server does not send it. May raise Unreachable."""

    def attempt() -> Page:
        body = b""
        with get(url, {}, patience) as response:
            for chunk in content(response, patience, unpack=True):
                body += chunk
                if len(body) >= TEXT_LIMIT_BYTES:
                    break
            return Page(response.url, media_type(response), decode(body[:TEXT_LIMIT_BYTES]))

    try:
        return retry(url, patience, attempt)
    except Unreachable:
        raise
    except ArchiveError:
        return None


def get(url: str, headers: dict, patience: Patience) -> requests.Response:
    """Sends one request; returns the response if its status is 200, 206 or 416, otherwise raises a clear error."""
    # Without "identity", a server may compress the file; lengths, ranges and checksums would then not match it.
    headers = {"Accept-Encoding": "identity", **headers}
    timeouts = (patience.connect_s, patience.read_s)
    limit = patience.connect_s + 2 * patience.read_s
    try:
        response = within(limit, lambda: requests.get(url, headers=headers, stream=True, timeout=timeouts))
    except TimeoutError:
        raise Transient(f"no complete answer within {limit:g} s") from None
    except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:  # the exceptions of requests are OSErrors
        raise request_trouble(error, url) from error
    status = response.status_code
    if status in (200, 206, 416):
        return response
    response.close()
    if status in (404, 410):
        raise NotInArchive(f"The archive does not have this file. Received: status {status} for {url}. Check its name.")
    if status in WORTH_ANOTHER_TRY or status >= 500:
        raise Transient(f"the server answers with status {status}")
    raise ArchiveError(f"The archive refuses to send the file. Received: status {status} for {url}. Check the address.")


def content(response: requests.Response, patience: Patience, unpack: bool = False) -> Iterator[bytes]:
    """Yields the body of a response as it arrives; a compressed body is unpacked only if `unpack` is set.

    Raises:
        Transient: the transfer broke off, stalled, or was slower than `SLOWEST_BYTES_PER_S`.
    """
    since, received = time.monotonic(), 0
    try:
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=unpack):
            yield chunk
            received += len(chunk)
            passed = time.monotonic() - since
            if passed >= patience.slow_s:
                if received < SLOWEST_BYTES_PER_S * passed:
                    raise Transient(f"only {received} bytes arrived in {passed:.0f} s", slow=True)
                since, received = time.monotonic(), 0
    except urllib3.exceptions.ReadTimeoutError as error:
        raise Transient(f"the server sent nothing for {patience.read_s:g} s") from error
    except (urllib3.exceptions.HTTPError, ValueError, OSError) as error:  # ValueError: an invalid chunk length
        raise Transient("the connection broke in the middle of the file") from error


def media_type(response: requests.Response) -> str:
    """Returns the media type of a response in lower case, without parameters."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def decode(content: bytes) -> str:
    """Decodes UTF-8, UTF-16 and UTF-32 text, with or without a byte order mark; never raises an error."""
    return content.decode(json.detect_encoding(content), "replace")
