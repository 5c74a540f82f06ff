"""
Did the request leave? Shown with real sockets: a server that refuses, resets, closes, answers
half, drips, or keeps silent.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
import struct
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from tests.services import eventually, free_port
from threadsworker.errors import (
    AnswerLost,
    NeverSent,
    NotReady,
    OutcomeUnknown,
    TokenRejected,
)
from threadsworker.http import Http
from threadsworker.threads_api import ThreadsApi
from threadsworker.threads_api.answers import without_next

TOKEN = SecretStr("THAA-secret-token")
Behaviour = Callable[[socket.socket], None]


class RawServer:
    """Accepts connections and does to each what it is told."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self._behave(connection)

    def read_request(self, connection: socket.socket) -> None:
        """Read one whole request and keep it."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ]
        while lengths and len(body) < lengths[0]:
            body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@contextmanager
def server(act: Callable[[RawServer, socket.socket], None]) -> Iterator[RawServer]:
    running = RawServer(lambda connection: act(running, connection))
    try:
        yield running
    finally:
        running.close()


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reset_before_reading(_: RawServer, connection: socket.socket) -> None:
    connection.recv(1, socket.MSG_PEEK)
    reset(connection)


def reset_after_reading(served: RawServer, connection: socket.socket) -> None:
    served.read_request(connection)
    reset(connection)


def close_without_an_answer(served: RawServer, connection: socket.socket) -> None:
    served.read_request(connection)


def answer_half_a_head(served: RawServer, connection: socket.socket) -> None:
    served.read_request(connection)
    connection.sendall(b"HTTP/1.1 200 O")


def answer_half_a_body(served: RawServer, connection: socket.socket) -> None:
    served.read_request(connection)
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id":')


def answer_half_a_chunk(served: RawServer, connection: socket.socket) -> None:
    served.read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc")


def keep_silent(served: RawServer, connection: socket.socket) -> None:
    served.read_request(connection)
    connection.recv(1)


def answer(status: str, body: str) -> Callable[[RawServer, socket.socket], None]:
    def act(served: RawServer, connection: socket.socket) -> None:
        served.read_request(connection)
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n\r\n"
        connection.sendall((head + body).encode())

    return act


LOST = [
    reset_after_reading,
    close_without_an_answer,
    answer_half_a_body,
    answer_half_a_chunk,
    keep_silent,
]


@pytest.mark.parametrize("behave", LOST, ids=lambda act: act.__name__)
@pytest.mark.parametrize("fresh", [False, True], ids=["pooled", "fresh"])
def test_a_request_that_was_read_and_not_answered_counts_as_sent_and_goes_out_once(
    behave: Callable[[RawServer, socket.socket], None], fresh: bool
) -> None:
    with server(behave) as running, pytest.raises(AnswerLost):
        Http().request(
            "POST", running.url + "/x", form={"a": "b"}, read_timeout=0.5, fresh_connection=fresh
        )
    assert len(running.requests) == 1


def test_a_reset_before_reading_counts_as_sent() -> None:
    """Nobody can tell how much of it was read."""
    with server(reset_before_reading) as running, pytest.raises(AnswerLost):
        Http().request("POST", running.url + "/x", form={"a": "b"})


def test_a_refused_connection_was_never_sent() -> None:
    with pytest.raises(NeverSent):
        Http().request("POST", f"http://127.0.0.1:{free_port()}/x", form={"a": "b"})


def test_an_unknown_host_was_never_sent() -> None:
    with pytest.raises(NeverSent):
        Http().request("POST", "http://nowhere.invalid/x", form={"a": "b"})


def test_a_refused_certificate_was_never_sent(tmp_path: Path) -> None:
    context = tls_of_nobody(tmp_path)

    def begin_tls(_: RawServer, connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True):
            pass

    with server(begin_tls) as running, pytest.raises(NeverSent):
        Http().request("POST", running.url.replace("http:", "https:") + "/x", form={"a": "b"})


def test_any_other_trouble_of_tls_may_have_come_behind_the_request() -> None:
    """In the middle of an answer it looks just as it does during the handshake."""

    def speak_no_tls(_: RawServer, connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"220 welcome to the wrong place\r\n")

    with server(speak_no_tls) as running, pytest.raises(AnswerLost):
        Http().request("POST", running.url.replace("http:", "https:") + "/x", form={"a": "b"})


def tls_of_nobody(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate that nobody has reason to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    both = folder / "both.pem"
    both.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


def test_a_connection_that_the_server_closed_meanwhile_counts_as_sent() -> None:
    """On a connection that was kept open, a failure says nothing about what was read."""

    def answer_once_and_hang_up_on_the_second(served: RawServer, c: socket.socket) -> None:
        served.read_request(c)
        c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        served.read_request(c)

    with server(answer_once_and_hang_up_on_the_second) as running:
        http = Http()
        assert http.request("GET", running.url).status_code == 200
        with pytest.raises(AnswerLost):
            http.request("POST", running.url + "/x", form={"a": "b"})
    assert len(running.requests) == 2


def test_a_redirect_is_not_followed() -> None:
    moved = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"

    def redirect(served: RawServer, connection: socket.socket) -> None:
        served.read_request(connection)
        connection.sendall(moved.encode())

    with server(redirect) as running:
        assert Http().request("POST", running.url, form={}).status_code == 302
    assert len(running.requests) == 1


@pytest.mark.parametrize("behave", [*LOST, reset_before_reading], ids=lambda act: act.__name__)
def test_no_token_and_no_query_is_in_what_is_raised(
    behave: Callable[[RawServer, socket.socket], None],
) -> None:
    with server(behave) as running, pytest.raises(AnswerLost) as raised:
        Http().request(
            "GET",
            running.url + "/x",
            token=TOKEN,
            params={"access_token": TOKEN.get_secret_value()},
            read_timeout=0.5,
        )
    shown = "".join(traceback.format_exception(raised.value))
    assert TOKEN.get_secret_value() not in shown
    assert "access_token" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_an_app_that_logs_everything_logs_no_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="urllib3")
    with server(answer("200 OK", '{"data":{"is_valid":true}}')) as running:
        api(running.url).debug_token()
    assert "GET /v1.0/debug_token?input_token=" in caplog.text
    assert TOKEN.get_secret_value() not in caplog.text


def test_urls_of_further_pages_are_not_kept_of_listings_within_an_answer() -> None:
    paging = {"cursors": {"after": "A"}, "next": f"https://x/?t={TOKEN.get_secret_value()}"}
    children = {"data": [{"id": "2", "replies": {"paging": paging}}], "paging": paging}
    said = {"data": [{"id": "1", "children": children}], "paging": paging}
    with server(answer("200 OK", json.dumps(said))) as running:
        read = api(running.url).get("/me/threads")
    assert TOKEN.get_secret_value() not in json.dumps(read["data"])
    assert read["data"][0]["children"]["paging"] == {"cursors": {"after": "A"}}
    # Of the listing itself: whether there is one is looked at.
    assert read["paging"] == paging
    assert without_next(read)["paging"] == {"cursors": {"after": "A"}}


def test_a_body_that_drips_is_waited_for() -> None:
    def drip(served: RawServer, connection: socket.socket) -> None:
        served.read_request(connection)
        for byte in b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"1"}':
            connection.sendall(bytes([byte]))

    with server(drip) as running:
        assert Http().request("GET", running.url, read_timeout=2).json() == {"id": "1"}


# The publish: what proves that nothing happened, and what does not.

NOT_FOUND = '{"error":{"message":"no","type":"OAuthException","code":24,"error_subcode":4279009}}'
TOKEN_DEAD = '{"error":{"message":"expired","type":"OAuthException","code":190}}'
THROTTLED = '{"error":{"message":"slow","type":"OAuthException","code":613}}'
NO_PERMISSION = '{"error":{"message":"no","type":"THApiException","code":10}}'
CAROUSEL = '{"error":{"message":"no","type":"OAuthException","code":100,"error_subcode":4279004}}'


def api(url: str) -> ThreadsApi:
    return ThreadsApi(base_url=url, token=TOKEN, http=Http())


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        ("400 Bad Request", NOT_FOUND, NotReady),
        ("400 Bad Request", TOKEN_DEAD, TokenRejected),
        ("400 Bad Request", THROTTLED, OutcomeUnknown),
        ("400 Bad Request", CAROUSEL, OutcomeUnknown),
        ("500 Oops", NO_PERMISSION, OutcomeUnknown),
        ("502 Bad Gateway", "<html>sorry</html>", OutcomeUnknown),
        ("200 OK", "", OutcomeUnknown),
        ("200 OK", "{}", OutcomeUnknown),
        ("200 OK", '"yes"', OutcomeUnknown),
        ("302 Found", "", OutcomeUnknown),
    ],
)
def test_only_a_closed_list_of_answers_proves_that_nothing_was_published(
    status: str, body: str, expected: type[Exception]
) -> None:
    with server(answer(status, body)) as running, pytest.raises(expected):
        api(running.url).publish_container("1")
    assert len(running.requests) == 1


@pytest.mark.parametrize(
    "behave", [*LOST[:-1], answer_half_a_head, reset_before_reading], ids=lambda act: act.__name__
)
def test_a_publish_without_an_answer_is_unknown_and_sent_once(
    behave: Callable[[RawServer, socket.socket], None],
) -> None:
    with server(behave) as running, pytest.raises(OutcomeUnknown):
        api(running.url).publish_container("1")
    assert len(running.requests) <= 1


def test_a_publish_that_cannot_connect_was_never_sent() -> None:
    with pytest.raises(NeverSent):
        api(f"http://127.0.0.1:{free_port()}").publish_container("1")


def test_a_slow_publish_is_waited_for() -> None:
    started = monotonic()

    def answer_late(served: RawServer, connection: socket.socket) -> None:
        served.read_request(connection)
        eventually(lambda: monotonic() - started > 1.0)
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id":"9"}')

    with server(answer_late) as running:
        assert api(running.url).publish_container("1").id == "9"


def test_the_token_travels_in_a_header_and_the_parameters_in_the_body() -> None:
    with server(answer("200 OK", '{"id":"9"}')) as running:
        api(running.url).publish_container("17")
    request = running.requests[0].decode()
    assert request.startswith("POST /v1.0/me/threads_publish HTTP/1.1")
    assert "Authorization: Bearer THAA-secret-token" in request
    assert request.endswith("creation_id=17")
