"""The sandbox's side of a connection: reads requests, sends answers, and breaks them on purpose."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Literal

from threadsworker.sandbox.answers import Answer

#: Bytes of a body that are kept; of a longer one only the size is told.
KEPT_BODY = 128 * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Received:
    """A request as it came off the line."""

    method: str
    #: Path and query.
    target: str
    #: By name in lower case.
    headers: dict[str, str]
    body: bytes
    body_size: int


@dataclass(frozen=True)
class Delivery:
    """An answer, and how it goes out."""

    answer: Answer
    how: Literal["sent", "half", "drop", "reset"] = "sent"


Serve = Callable[[Received], Delivery]


class Connection(BaseHTTPRequestHandler):
    """HTTP/1.1, kept alive."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    # The head and the body of an answer leave together.
    wbufsize = 64 * 1024
    server: Server

    def _serve(self) -> None:
        delivery = self.server.serve(self._received())
        match delivery.how:
            case "sent":
                self._send(delivery.answer)
            case "half":
                self._send(delivery.answer, half=True)
            case "drop":
                self.close_connection = True
            case "reset":
                self._reset()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - its names

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the ledger tells."""

    def _received(self) -> Received:
        size = int(self.headers.get("content-length") or 0)
        kept, left = bytearray(), size
        while left > 0:
            chunk = self.rfile.read(min(left, _CHUNK))
            if not chunk:
                raise ConnectionError("the client went away")
            left -= len(chunk)
            if size <= KEPT_BODY:
                kept += chunk
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Received(self.command, self.path, headers, bytes(kept), size)

    def _send(self, answer: Answer, *, half: bool = False) -> None:
        self.send_response_only(answer.status)
        self.send_header("Server", self.version_string())
        if "Date" not in answer.headers:
            self.send_header("Date", self.date_time_string())
        for name, value in answer.headers.items():
            self.send_header(name, value)
        has_body = answer.status not in (204, 304)
        if has_body:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if has_body and self.command != "HEAD":
            self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)
        self.close_connection = self.close_connection or half

    def _reset(self) -> None:
        """Close so that the client sees a reset, not an end."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        os.close(self.connection.detach())


class Server(ThreadingHTTPServer):
    """Hands requests to `serve`, each connection in a thread of its own."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], *, serve: Serve) -> None:
        self.serve = serve
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, Connection)

    def server_bind(self) -> None:
        # HTTPServer looks the host's full name up, which may take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients are killed on purpose, and go away whenever they like.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        """End the connections that clients keep open."""
        with self._guard:
            still_open = list(self._open)
        for connection in still_open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
