"""A small HTTP server for one page, ``/metrics``."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from pydantic import SecretStr

from threadsworker.log import redact
from threadsworker.metrics.collector import registry_of
from threadsworker.settings import Settings

logger = logging.getLogger(__name__)

PATH = "/metrics"
#: Seconds that a client may be silent.
PATIENCE = 10.0

#: https://peps.python.org/pep-3333/
Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no news."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news either."""
        logger.debug("A request for metrics broke off", exc_info=True)


class MetricsServer:
    """Serves the metrics of an installation, in a thread, from `start` to `stop`."""

    def __init__(self, settings: Settings, *, address: str, port: int) -> None:
        """
        Raises
        ------
        OSError:
            Nothing can listen there.
        """
        app = page(registry_of(settings), token=settings.metrics_token)
        self._server = make_server(address, port, app, server_class=_Server, handler_class=_Handler)
        self.port: int = self._server.server_port

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def page(registry: CollectorRegistry, *, token: SecretStr | None) -> Callable[..., Iterable[bytes]]:
    """The page as a WSGI application, for whoever knows the token."""
    told = make_wsgi_app(registry)
    if token is not None:
        redact(token)

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            return _answer(start_response, "404 Not Found", f"metrics are at {PATH}")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _answer(start_response, "405 Method Not Allowed", "GET only", ("Allow", "GET"))
        if token is not None and not _knows(environ.get("HTTP_AUTHORIZATION", ""), token):
            ask = ("WWW-Authenticate", 'Basic realm="threadsworker metrics"')
            return _answer(start_response, "401 Unauthorized", "a token is needed", ask)
        answered: Iterable[bytes] = told(environ, start_response)
        return answered

    return app


def _knows(authorization: str, token: SecretStr) -> bool:
    """Whether it is the token: as a bearer, or as the password of any user."""
    scheme, _, given = authorization.partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.encode(), token.get_secret_value().encode())


def _answer(
    start_response: StartResponse, status: str, words: str, *headers: tuple[str, str]
) -> list[bytes]:
    start_response(status, [("Content-Type", "text/plain; charset=utf-8"), *headers])
    return [f"{words}\n".encode()]
