"""Which connections are kept and used again: counted by a real server."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.tls_servers import Certificates
from threadsworker.errors import NeverSent
from threadsworker.http import Http

#: Requests at once, as many as a step may send.
MANY = 12


class Counting(ThreadingHTTPServer):
    """Answers every request with ``{}``, and counts connections and requests."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self._tls = tls
        self.accepted = 0
        #: The first line and the Cookie header of each.
        self.requests: list[tuple[str, str | None]] = []
        #: Passed by as many requests as are to be at work at the same time.
        self.gate = threading.Barrier(1)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> Any:
        connection, address = super().get_request()
        self.accepted += 1
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        # In the connection's own thread: a handshake takes a while.
        with self._tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up during the handshake, and that is looked at where they do."""


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Counting

    def do_GET(self) -> None:
        self.server.requests.append((self.requestline, self.headers["Cookie"]))
        self.server.gate.wait(20)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("Set-Cookie", "who=somebody; Path=/")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the server counts."""


@contextmanager
def counting(tls: ssl.SSLContext | None = None) -> Iterator[Counting]:
    with Counting(tls) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def _of_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that the tests run on may have proxies and authorities of its own."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def all_at_once(http: Http, server: Counting) -> None:
    """As many requests as there are, each in a thread of its own that ends with it."""
    server.gate = threading.Barrier(MANY)
    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(lambda _: http.request("GET", server.url), range(MANY)))
    server.gate = threading.Barrier(1)
    assert [answer.status_code for answer in answers] == [200] * MANY


def test_connections_outlive_the_threads_that_opened_them() -> None:
    with counting() as server:
        http = Http()
        for _ in range(3):
            all_at_once(http, server)
        assert (server.accepted, len(server.requests)) == (MANY, 3 * MANY)


def test_one_request_after_another_takes_one_connection() -> None:
    with counting() as server:
        http = Http()
        for _ in range(5):
            http.request("GET", server.url)
        assert server.accepted == 1


def test_a_fresh_connection_was_not_used_before_and_is_not_used_again() -> None:
    with counting() as server:
        http = Http()
        for fresh in (True, False, True, False):
            http.request("GET", server.url, fresh_connection=fresh)
        assert server.accepted == 3


def test_a_connection_that_was_idle_for_too_long_is_closed() -> None:
    with counting() as server:
        http = Http(idle_limit=0)
        for _ in range(3):
            http.request("GET", server.url)
        assert server.accepted == 3


def test_a_connection_is_not_used_on_both_sides_of_a_fork() -> None:
    with counting() as server:
        http = Http()
        http.request("GET", server.url)
        child = os.fork()
        if child == 0:
            # Whatever happens here, the tests go on in one process only.
            answer = None
            try:
                answer = http.request("GET", server.url)
            finally:
                os._exit(0 if answer is not None and answer.status_code == 200 else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert server.accepted == 2
        http.request("GET", server.url)
        assert server.accepted == 2


def test_no_cookie_of_one_request_is_sent_with_another() -> None:
    with counting() as server:
        http = Http()
        for _ in range(2):
            http.request("GET", server.url)
        assert [cookie for _, cookie in server.requests] == [None, None]


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with counting() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert Http().request("GET", "http://meta.invalid/me").status_code == 200
        assert proxy.requests[0][0] == "GET http://meta.invalid/me HTTP/1.1"


def test_hosts_without_a_proxy_are_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    with counting() as proxy, counting() as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        Http().request("GET", server.url)
        assert (proxy.accepted, server.accepted) == (0, 1)


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tls(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.file("server.crt"), certificates.file("server.key"))
    return context


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_many_connections_trust_the_authority_of_the_environment(
    variable: str,
    certificates: Certificates,
    tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, certificates.file("ca.crt"))
    with counting(tls) as server:
        http = Http()
        all_at_once(http, server)
        all_at_once(http, server)
        assert server.accepted == MANY


def test_no_other_authority_is_trusted(
    certificates: Certificates, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counting(tls) as server:
        for bundle in (None, certificates.file("other-ca.crt")):
            if bundle is not None:
                monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
            with pytest.raises(NeverSent):
                Http().request("GET", server.url)
        assert server.requests == []


def test_a_bundle_that_has_changed_is_read_anew(
    certificates: Certificates,
    tls: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = tmp_path / "bundle.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with counting(tls) as server:
        http = Http()
        bundle.write_bytes(Path(certificates.file("other-ca.crt")).read_bytes())
        with pytest.raises(NeverSent):
            http.request("GET", server.url)
        bundle.write_bytes(Path(certificates.file("ca.crt")).read_bytes())
        os.utime(bundle, (0, 0))
        assert http.request("GET", server.url).status_code == 200


def test_a_certificate_for_another_host_is_refused(
    certificates: Certificates, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates.file("ca.crt"))
    with counting(tls) as server, pytest.raises(NeverSent):
        Http().request("GET", server.url.replace("127.0.0.1", "localhost"))
