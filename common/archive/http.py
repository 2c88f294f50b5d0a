"""Requests to the archive: time-outs, and one clear line for every failure."""

import codecs
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import requests
import urllib3

from common.archive.download_errors import (
    ArchiveError,
    NotInArchive,
    Transient,
    Unreachable,
    body_trouble,
    bundle_trouble,
    request_trouble,
)
from common.archive.retry import Patience, retry

TEXT_LIMIT_BYTES = 1 << 22  # an index page or a list of checksums is far smaller than this
CHUNK_BYTES = 1 << 17
SLOWEST_BYTES_PER_S = 1000  # less for `Patience.slow_s` counts as no progress
WORTH_ANOTHER_TRY = (408, 425, 429)  # and every 5xx

MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, which begins with the same bytes
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


class Page(NamedTuple):
    """A short text: its address after redirects, its media type and its content."""

    url: str
    media_type: str
    text: str


def ask(url: str, patience: Patience) -> None:
    """Checks that the archive has a file, without downloading it.

    Raises:
        ArchiveError: Unreachable, NotInArchive, or refused.
    """

    def attempt() -> None:
        with requests.Session() as session, get(session, url, {}, patience):
            pass

    retry(url, patience, attempt)


def get_text(url: str, patience: Patience) -> Page | None:
    """Reads a short text such as an index page; None if the server has none or refuses it.

    Raises:
        Unreachable: The archive does not answer.
    """

    def attempt() -> Page | None:
        with requests.Session() as session:
            try:
                with get(session, url, {}, patience) as response:
                    body = _unpacked(response, patience)
                    return None if body is None else Page(response.url, media_type(response), decode(body))
            except Unreachable:
                raise
            except ArchiveError:
                return None
            except Transient as error:
                error.received = False  # half a text is useless
                raise

    return retry(url, patience, attempt)


def get(session: requests.Session, url: str, headers: dict, patience: Patience) -> requests.Response:
    """Sends one request; returns on 200, 206 and 416, and raises a clear error for anything else."""
    timeouts = (patience.connect_s, patience.read_s)
    # Without "identity" a server may compress; lengths, ranges and checksums would then be those of other bytes.
    headers = {"Accept-Encoding": "identity", **headers}
    try:
        response = _within(
            timeouts[0] + 2 * timeouts[1],
            lambda: session.get(url, headers=headers, stream=True, timeout=timeouts),
        )
    except requests.exceptions.RequestException as error:
        raise request_trouble(error, url, *timeouts) from error
    except (ValueError, urllib3.exceptions.HTTPError) as error:  # a redirect to an invalid address
        raise ArchiveError(f"The address is invalid ({type(error).__name__}). Received: {url}. Check it.") from error
    except OSError as error:  # requests raises this for missing certificates
        raise bundle_trouble(url) from error
    status = response.status_code
    if status in (200, 206, 416):
        return response
    response.close()
    if status in (404, 410):
        raise NotInArchive(f"The archive does not have this file. Received: status {status} for {url}. Check its name.")
    if status in WORTH_ANOTHER_TRY or status >= 500:
        raise Transient(f"the server answers with status {status}")
    raise ArchiveError(f"The archive refuses the file. Received: status {status} for {url}. Check the address.")


def _within(seconds: float, call: Callable[[], requests.Response]) -> requests.Response:
    """Limits the total time of a call: a server that sends one byte per second never exceeds the other time-outs.

    Raises:
        Transient: it took longer; its thread ends with the connection.
    """
    done: list = []
    late = threading.Event()

    def work() -> None:
        try:
            done.append((call(), None))
            if late.is_set():
                done[0][0].close()
        except BaseException as error:  # passed on, whatever it is
            done.append((None, error))

    thread = threading.Thread(target=work, name="answer", daemon=True)
    thread.start()
    thread.join(seconds)
    if not done:
        late.set()
        raise Transient(f"no complete answer within {seconds:g} s")
    result, error = done.pop()
    try:
        if error is not None:
            raise error
        return result
    finally:
        del error  # otherwise it and its traceback keep each other and the connection alive


def content(response: requests.Response, patience: Patience) -> Iterator[bytes]:
    """The body of a response as it arrives, still compressed if the server compresses it.

    Raises:
        Transient: it broke off, stalled, or is slower than `SLOWEST_BYTES_PER_S`.
    """
    since, received = time.monotonic(), 0
    try:
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
            yield chunk
            received += len(chunk)
            passed = time.monotonic() - since
            if passed >= patience.slow_s:
                if received < SLOWEST_BYTES_PER_S * passed:
                    raise Transient(f"only {received} bytes came in {passed:.0f} s", received=True, slow=True)
                since, received = time.monotonic(), 0
    except (urllib3.exceptions.HTTPError, ValueError, OSError) as error:  # a chunk may claim any length
        raise Transient(body_trouble(error, patience.read_s)) from error


def _unpacked(response: requests.Response, patience: Patience) -> bytes | None:
    """The beginning of a body, at most TEXT_LIMIT_BYTES; None if it is compressed although nobody asked for that."""
    body = b""
    for chunk in content(response, patience):
        body += chunk
        if len(body) >= TEXT_LIMIT_BYTES:
            break
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return body[:TEXT_LIMIT_BYTES]
    try:
        return (
            zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, TEXT_LIMIT_BYTES) if encoding == "gzip" else None
        )
    except zlib.error:
        return None


def media_type(response: requests.Response) -> str:
    """The media type of an answer without its parameters, in lower case."""
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def decode(content: bytes) -> str:
    """Decodes text by its byte order mark, else as UTF-16 if every second byte is 0, else as UTF-8; never fails."""
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    start = content[:200]
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if zeros and not any(zeros):
            return content.decode(encoding, "replace")
    return content.decode("utf-8", "replace")
