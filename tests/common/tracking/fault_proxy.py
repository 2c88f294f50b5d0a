"""A reverse proxy on loopback that misbehaves on demand, in front of a real MLflow server."""

import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """Describes how the proxy misbehaves.

    kind: "" means no fault, "status" answers with status `value`, "late" forwards the request after `value` s (which
    should be longer than the client waits), "silent" never answers, "cut" hangs up after half of the request's body,
    "hang up" hangs up at once, "garbage" answers 200 with a web page. only: a text that the paths of the affected
    requests contain. after: how many of these requests (counted in `requests`) succeed before the fault begins.
    """

    kind: str = ""
    value: float = 0
    only: str = ""
    after: int = 0


class FaultProxy:
    """Forwards to 127.0.0.1:`upstream`. Set `fault` at any time; `refuse()` and `restore()` close and open the port."""

    def __init__(self, upstream: int, certificate: Path | None = None):
        self.upstream, self.certificate = upstream, certificate
        self.fault = Fault()
        self.credentials: tuple[str, str] | None = None  # the user name and password that the proxy requires
        self.requests: list[tuple[str, str]] = []
        self.released = threading.Event()  # releases the requests that "silent" holds
        self.port = 0
        self.restore()

    @property
    def url(self) -> str:
        """The address of the proxy, to be passed to a run."""
        return f"http{'s' if self.certificate else ''}://127.0.0.1:{self.port}"

    def refuse(self) -> None:
        """Closes the port, so that connections are refused."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def restore(self) -> None:
        """Opens the same port again, without a fault."""
        self.fault = Fault()
        self.released = threading.Event()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.proxy = self
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.refuse()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request, client_address):
        """Ignores clients that close the connection, which is expected here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        proxy: FaultProxy = self.server.proxy
        proxy.requests.append((self.command, self.path))
        fault = proxy.fault
        if fault.only not in self.path or sum(fault.only in path for _, path in proxy.requests) <= fault.after:
            fault = Fault()
        length = int(self.headers.get("Content-Length") or 0)
        if fault.kind == "hang up":
            return self._hang_up()
        if fault.kind == "cut":
            self.rfile.read(length // 2)
            return self._hang_up()
        body = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(length)
        if fault.kind == "silent":
            proxy.released.wait(120)
            return self._hang_up()
        if fault.kind == "status":
            return self._answer(int(fault.value), b"<html>no</html>")
        if fault.kind == "garbage":
            return self._answer(200, b"<html>welcome to the hotel's network</html>")
        if proxy.credentials and not self._let_in(proxy.credentials):
            return self._answer(401, b"who are you?")
        if fault.kind == "late":
            proxy.released.wait(fault.value)
        return self._forward(proxy.upstream, body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _forward(self, port: int, body: bytes) -> None:
        headers = {
            k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "transfer-encoding")
        }
        headers["Content-Length"] = str(len(body))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            self._answer(answer.status, answer.read(), answer.headers.get("Content-Type", "text/plain"))
        except OSError:
            self._answer(502, b"bad gateway")
        finally:
            connection.close()

    def _answer(self, status: int, body: bytes, kind: str = "text/html") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _let_in(self, credentials: tuple[str, str]) -> bool:
        import base64

        wanted = base64.b64encode(":".join(credentials).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def log_message(self, *_):
        """Prints nothing."""


def wait_until(condition, seconds: float = 30.0) -> None:
    """Waits until another process makes a condition true.

    Raises:
        TimeoutError: the condition did not become true in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for {condition}")
        time.sleep(0.02)
