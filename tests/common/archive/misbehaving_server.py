"""A loopback HTTP server that supports Range and If-Range. Each `Fault` makes the server misbehave in one response."""

import hashlib
import re
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class Fault:
    """What is wrong with one response; the fields can be combined."""

    status: int | None = None  # answer with this status and no body
    headers: dict[str, str] = field(default_factory=dict)  # add or replace these headers
    body: bytes | None = None  # send this instead of the file
    cut_at: int | None = None  # close the connection after this number of bytes of the body
    stall_at: int | None = None  # send nothing after this number of bytes of the body, until the server stops
    hang_up: bool = False  # close the connection without an answer
    no_range: bool = False  # answer 200 with the whole file
    no_if_range: bool = False  # answer 206 even if the version differs
    held_by: threading.Event | None = None  # answer only when this event is set


class MisbehavingServer(ThreadingHTTPServer):
    """Serves `files` (path -> bytes; a path that ends with `/` is an index page).

    The requests are recorded in `asked` as (path, Range header or None).
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: deque[Fault] = deque()  # one fault per request for a file (not for index pages and SHA256SUMS)
        self.always = Fault()  # for each request for a file while `faults` is empty
        self.beside = Fault()  # for every request for an index page or SHA256SUMS
        self.validators = ("ETag", "Last-Modified")
        self.asked: list[tuple[str, str | None]] = []
        self.seen: list[dict[str, str]] = []  # the headers of the requests, in the same order
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def ranges(self, path: str) -> list[str | None]:
        """Returns the Range headers of all requests for one path."""
        return [asked_range for asked_path, asked_range in self.asked if asked_path == path]

    def handle_error(self, request, client_address):
        """Ignores clients that hang up, which is expected here."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: MisbehavingServer

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = unquote(self.path).lstrip("/")
        self.server.asked.append((path, self.headers.get("Range")))
        self.server.seen.append(dict(self.headers))
        plain = path.endswith(("SHA256SUMS", "/")) or not path
        fault = (
            self.server.beside if plain else self.server.faults.popleft() if self.server.faults else self.server.always
        )
        if fault.held_by:
            fault.held_by.wait()
        if fault.hang_up:
            self.close_connection = True
        elif fault.status:
            self._answer(fault.status, fault.headers, b"", fault)
        elif path.endswith("/") and path in self.server.files:
            self._answer(200, {"Content-Type": "text/html"}, self.server.files[path], fault)
        elif path in self.server.files:
            self._file(self.server.files[path], fault)
        else:
            self._answer(404, {}, b"no such file", Fault())

    def _file(self, content, fault):
        content = content if fault.body is None else fault.body
        own = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"',
            "Last-Modified": "Mon, 01 Jan 2024 10:00:00 GMT",
        }
        headers = {"Accept-Ranges": "bytes", **{key: own[key] for key in self.server.validators}}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, *headers.values()) or fault.no_if_range
        if not asked or not same or fault.no_range:
            return self._answer(200, headers | fault.headers, content, fault)
        start = int(asked[1])
        if start >= len(content):
            return self._answer(416, {"Content-Range": f"bytes */{len(content)}"}, b"", fault)
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self._answer(206, headers | fault.headers, content[start:], fault)

    def _answer(self, status, headers, body, fault):
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(body)), **headers}
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        stop = min(len(body), *(at for at in (fault.cut_at, fault.stall_at, len(body)) if at is not None))
        self.wfile.write(body[:stop])
        self.wfile.flush()
        if fault.stall_at is not None:
            self.server.stopping.wait()
        declared = headers["Content-Length"]
        if fault.cut_at is not None or fault.stall_at is not None or declared != str(len(body)):
            self.close_connection = True
