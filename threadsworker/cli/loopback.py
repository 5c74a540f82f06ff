"""
Where the authorization window leads back to: one path on this machine, for one answer.

It listens on 127.0.0.1 alone, takes no code without the `state` that the window was opened
with, and writes nothing down. That the owner said no is believed without it: Meta's own sample
of that answer has none.
"""

from __future__ import annotations

import html
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

from threadsworker.errors import AuthorizationFailed, InvalidSettings
from threadsworker.threads_api import code_from_redirect

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>threadsworker</title>
<body style="font: 1.2em/1.5 system-ui, sans-serif; max-width: 32em; margin: 15vh auto">
<h1>{title}</h1><p>{text}</p></body></html>
"""
#: Answers that end the login; others come from elsewhere, and the right one may follow.
_FINAL = frozenset({"auth.denied", "auth.refused"})


def can_listen(redirect_uri: str) -> bool:
    """Whether a redirect to there can be received here: plain HTTP to this machine."""
    parts = _parts(redirect_uri)
    return parts.scheme == "http" and is_this_machine(redirect_uri)


def is_this_machine(redirect_uri: str) -> bool:
    host = _parts(redirect_uri).hostname or ""
    return host == "localhost" or host.startswith("127.")


def _parts(redirect_uri: str) -> SplitResult:
    try:
        parts = urlsplit(redirect_uri)
        _ = parts.port
    except ValueError as error:
        raise InvalidSettings(f"the redirect URI {redirect_uri!r} is no URL: {error}") from None
    return parts


class Loopback:
    """Receives the answer of one login. Use it as a context manager."""

    def __init__(self, redirect_uri: str, state: str) -> None:
        """
        Raises
        ------
        InvalidSettings:
            The port of `redirect_uri` is taken; it is no URL.
        """
        parts = _parts(redirect_uri)
        self._answers: queue.Queue[str | AuthorizationFailed] = queue.Queue()
        port = parts.port or 80
        try:
            self._server = _Server(("127.0.0.1", port), parts.path or "/", state, self._answers)
        except OSError as error:
            raise InvalidSettings(
                f"nothing can listen on port {port} for the answer "
                f"({(error.strerror or '').lower()}): end what does, register another redirect "
                "URI with the app, or use --paste"
            ) from None

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def code(self, *, timeout: float) -> str:
        """
        The authorization code, as soon as somebody comes back with it.

        Raises
        ------
        AuthorizationFailed:
            The owner or Meta said no, or nobody came in `timeout` seconds (`auth.timeout`).
        """
        try:
            found = self._answers.get(timeout=timeout)
        except queue.Empty:
            raise AuthorizationFailed(
                f"nobody came back from the window in {timeout:g} seconds. If the browser is on "
                "another machine, use --paste",
                code="auth.timeout",
            ) from None
        if isinstance(found, AuthorizationFailed):
            raise found
        return found


class _Server(ThreadingHTTPServer):
    def __init__(
        self,
        address: tuple[str, int],
        path: str,
        state: str,
        answers: queue.Queue[str | AuthorizationFailed],
    ) -> None:
        self.path, self.state, self.answers = path, state, answers
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "threadsworker"
    sys_version = ""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path != self.server.path:
            self._page(404, "There is nothing here", "This is only for signing in.")
            return
        try:
            code = code_from_redirect(f"?{parts.query}", self.server.state)
        except AuthorizationFailed as error:
            self._page(400, "That did not work", str(error))
            if error.code in _FINAL:
                self.server.answers.put(error)
            return
        self._page(200, "You are back", "You can close this window: threadsworker goes on.")
        self.server.answers.put(code)

    def _page(self, status: int, title: str, text: str) -> None:
        body = _PAGE.format(title=title, text=html.escape(text)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        # The code is in the address of this page: it goes nowhere from here.
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the address holds the code."""
