"""A receiver of notices: a real HTTP server that answers as it is told, and keeps what it heard."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Heard:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def notice(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said


@dataclass
class Receiver:
    """`answers` are statuses, of which each request takes one and the last one stays."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [200])
    heard: list[Heard] = field(default_factory=list)
    #: Set: answers wait for it.
    hold: threading.Event | None = None
    #: Bytes of each answer's body.
    length: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def events(self) -> list[str]:
        return [one.headers["X-Threadsworker-Event"] for one in self.heard]

    def take(self, heard: Heard) -> int:
        with self.lock:
            self.heard.append(heard)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def receiver(
    *, answers: Sequence[int] = (200,), tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """A receiver on a free loopback port."""
    heard = Receiver(answers=list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = heard.take(Heard(self.path, dict(self.headers), body))
            if heard.hold is not None:
                heard.hold.wait(20)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{heard.url}/elsewhere")
            self.send_header("Content-Length", str(heard.length))
            self.end_headers()
            self.wfile.write(b"x" * heard.length)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A sender that gave up is no news here."""

    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        heard.url = f"{scheme}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield heard
        finally:
            if heard.hold is not None:
                heard.hold.set()
            server.shutdown()
            thread.join()
