"""Makes Python behave as on macOS, which has no /proc (it is hidden from our code) and no abstract sockets."""

import pathlib
import socket


class Socket(socket.socket):
    def bind(self, address):
        return super().bind(_on_disk(address))

    def connect(self, address):
        return super().connect(_on_disk(address))


def _on_disk(address):
    if isinstance(address, str) and address.startswith("\0"):
        raise FileNotFoundError(2, "No such file or directory", address)
    return address


socket.socket = Socket
_open, _glob, _exists = pathlib.Path.open, pathlib.Path.glob, pathlib.Path.exists


def _away(path):
    return pathlib.Path("/nowhere", *path.parts[1:]) if path.parts[:2] == ("/", "proc") else path


pathlib.Path.open = lambda self, *given, **named: _open(_away(self), *given, **named)
pathlib.Path.glob = lambda self, *given, **named: _glob(_away(self), *given, **named)
pathlib.Path.exists = lambda self, *given, **named: _exists(_away(self), *given, **named)
