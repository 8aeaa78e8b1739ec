"""A proxy between the decoder and the network, through which every connection, also after a redirect, reaches only permitted hosts.

FFmpeg follows redirects and resolves names by itself. With this proxy, which runs in the same process and listens on the loopback interface
only, it can reach only addresses that `addresses` has checked, and no more bytes than allowed. Does not inspect the content.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from types import TracebackType
from urllib.parse import urlsplit

from screener.errors import SourceError
from screener.video.masking import advice, is_shown
from screener.video.remote.addresses import resolve

_HEAD_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 16
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def leaves_through_proxy() -> bool:
    """Whether the user's environment names a proxy: then that resolves names, and ours cannot be used."""
    return any(os.environ.get(name) for name in _PROXY_VARIABLES)


class Relay:
    """A context manager; `url` is for FFmpeg's option `http_proxy`. refusal: error of the first connection that was refused or failed, if
    any. exceeded: whether more bytes arrived than allowed.
    """

    def __init__(self, name: str, allow_private: bool, max_bytes: int, timeout_seconds: float) -> None:
        self._name, self._allow_private, self._left, self._timeout = name, allow_private, max_bytes, timeout_seconds
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.refusal: SourceError | None = None
        self.exceeded = False
        for variable in ("no_proxy", "NO_PROXY"):  # hosts named there would bypass the proxy
            os.environ.pop(variable, None)
        threading.Thread(target=self._accept, name="relay", daemon=True).start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the relay and all its connections."""
        with self._lock:
            sockets, self._open = [self._server, *self._open], set()
        for one in sockets:
            _shut(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), name="relay", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), self._held(client):
            client.settimeout(self._timeout)
            head = _head(client)
            method, target, version = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            tunnel = method == "CONNECT"
            parts = urlsplit(f"//{target}" if tunnel else target)
            if not tunnel and parts.scheme.lower() != "http":
                raise ValueError(f"scheme {parts.scheme!r}")
            try:
                server = self._connect(parts.hostname or "", parts.port or 80)
            except SourceError as error:
                self.refusal = self.refusal or error
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            except OSError as error:
                self.refusal = self.refusal or self._unreached(parts.netloc, error)
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            with self._held(server):
                if tunnel:
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                else:
                    server.sendall(_as_origin(head, method, parts.path or "/", parts.query, version))
                threading.Thread(target=_pass_on, args=(client, server), name="relay", daemon=True).start()
                self._bring_back(server, client)

    def _connect(self, host: str, port: int) -> socket.socket:
        """Connect to the IP address that was checked, not to the name."""
        ip = resolve(host, port, self._allow_private, self._name)
        server = socket.create_connection((ip, port), timeout=self._timeout)
        server.settimeout(None)  # FFmpeg decides how long a server may be silent
        return server

    def _unreached(self, server: str, error: OSError) -> SourceError:
        """Our own message: FFmpeg would only report the relay's error answer as the server's."""
        host = server.rpartition("@")[2]
        which = host if is_shown(host.partition(":")[0], self._name) else "its host"
        message = f"{self._name}: cannot connect to {which} ({error}); {advice(self._name)}"
        return SourceError("stream_lost", message)

    def _bring_back(self, server: socket.socket, client: socket.socket) -> None:
        client.settimeout(None)  # the decoder may read slowly
        while block := server.recv(_BLOCK_BYTES):
            with self._lock:
                self._left -= len(block)
                self.exceeded |= self._left < 0
            if self.exceeded:
                return
            client.sendall(block)

    @contextlib.contextmanager
    def _held(self, one: socket.socket):  # type: ignore[no-untyped-def]
        with self._lock:
            self._open.add(one)
        try:
            yield one
        finally:
            with self._lock:
                self._open.discard(one)
            _shut(one)


def _head(client: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        block = client.recv(4096)
        if not block or len(head) > _HEAD_BYTES:
            raise ValueError("no request")
        head += block
    return head


def _as_origin(head: bytes, method: str, path: str, query: str, version: str) -> bytes:
    """A request to a proxy -> the same request to the server itself, closing the connection afterwards."""
    lines, _, body = head.partition(b"\r\n\r\n")
    kept = [line for line in lines.split(b"\r\n")[1:] if not line.lower().startswith((b"proxy-", b"connection:"))]
    first = f"{method} {path}{'?' + query if query else ''} {version}".encode("latin-1")
    return b"\r\n".join([first, *kept, b"Connection: close", b"", b""]) + body


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := client.recv(_BLOCK_BYTES):
            server.sendall(block)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
