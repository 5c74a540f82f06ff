"""Where notices may go, and how: real servers on loopback, no name is looked up outside."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.receiver import receiver
from threadsworker import outbound

PRIVATE = [
    "localhost",
    "printer",
    "printer.local",
    "metadata.google.internal",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "10.0.0.7",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[fe80::1]",
    "[fd00::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    # Translators of a network's own, and sites: public to Python.
    "[64:ff9b:1::a9fe:a9fe]",
    "[::ffff:0:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[fec0::1]",
]
LOOPBACK = {
    "localhost",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "[::1]",
}


def rules(url: str, *, allow_loopback: bool = False) -> list[str]:
    return [one.rule for one in outbound.problems(url, allow_loopback=allow_loopback)]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook?a=b",
        "https://example.com:8443",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://[64:ff9b::808:808]/",
    ],
)
def test_public_https_may_be_told(url: str) -> None:
    assert rules(url) == []


@pytest.mark.parametrize("host", PRIVATE)
def test_nothing_of_the_inner_network_may_be_told(host: str) -> None:
    assert rules(f"https://{host}/hook") == ["subscription.url.private"]
    # A machine whose Threads API is on loopback is a test's: itself, and nothing else.
    expected = [] if host in LOOPBACK else ["subscription.url.private"]
    assert rules(f"https://{host}/hook", allow_loopback=True) == expected
    if host in LOOPBACK:
        assert rules(f"http://{host}:8000/hook", allow_loopback=True) == []


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://example.com/", "scheme"),
        ("ftp://example.com/", "scheme"),
        ("https://me@example.com/", "userinfo"),
        ("https://me:pw@example.com/", "userinfo"),
        ("https://", "invalid"),
        ("https:///hook", "invalid"),
        ("https://example.com/a b", "invalid"),
        ("https://example.com:99999/", "invalid"),
        ("https://[::1/", "invalid"),
    ],
)
def test_what_is_wrong_with_a_url_has_a_rule_of_its_own(url: str, rule: str) -> None:
    assert rules(url, allow_loopback=True) == [f"subscription.url.{rule}"]


@pytest.mark.parametrize("address", ["10.0.0.7", "127.0.0.1", "fd00::1", "::ffff:169.254.169.254"])
def test_one_private_address_among_those_of_a_name_is_enough(address: str) -> None:
    found = [ipaddress.ip_address("8.8.8.8"), ipaddress.ip_address(address)]
    told = [one.rule for one in outbound.unfit(found, allow_loopback=False)]
    assert told == ["subscription.url.private"]
    assert list(outbound.unfit(found[:1], allow_loopback=False)) == []


class Resolver:
    """A name server that gives another answer each time it is asked for one name."""

    def __init__(self, answers: list[str], ask: Callable[..., list[Any]]) -> None:
        self.answers, self._ask = answers, ask
        self.asked: list[str] = []

    def getaddrinfo(self, host: str, *arguments: Any, **options: Any) -> list[Any]:
        if host != "hook.example":
            return self._ask(host, *arguments, **options)
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return self._ask(answer, *arguments, **options)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """It stands in the place of the network's name servers."""
    made = Resolver([], socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    return made


def test_a_name_is_asked_for_once_and_what_it_means_a_moment_later_does_not_matter(
    resolver: Resolver, tmp_path: Path
) -> None:
    shown, trusted = certificate(tmp_path, name="hook.example")
    with receiver(tls=shown) as heard:
        url = heard.url.replace("127.0.0.1", "hook.example")
        # Asked again it would lead to an address where nobody is.
        resolver.answers = ["127.0.0.1", "127.0.0.2"]
        answer = outbound.post(url, b"{}", {}, allow_loopback=True, tls=trusted)
        assert answer == outbound.Answer(200)
        assert resolver.asked == ["hook.example"]
        # The other way round: public when it was named, this machine when it is called.
        resolver.answers = ["8.8.8.8", "127.0.0.1"]
        assert list(outbound.unfit(outbound.resolved(url), allow_loopback=False)) == []
        answer = outbound.post(url, b"{}", {}, allow_loopback=False, tls=trusted)
        assert "subscription.url.private" in str(answer.error)
        assert len(heard.heard) == 1


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "10.0.0.7", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "fd00::1"]
)
def test_a_name_that_means_an_inner_address_is_not_called(resolver: Resolver, address: str) -> None:
    resolver.answers = [address]
    answer = outbound.post("https://hook.example/", b"{}", {}, allow_loopback=False)
    assert "subscription.url.private" in str(answer.error)


def test_a_private_address_is_not_connected_to_at_delivery_either() -> None:
    with receiver() as heard:
        answer = outbound.post(heard.url, b"{}", {}, allow_loopback=False)
        assert answer.status is None
        assert "subscription.url.scheme" in str(answer.error)
        https = heard.url.replace("http:", "https:")
        answer = outbound.post(https, b"{}", {}, allow_loopback=False)
        assert "subscription.url.private" in str(answer.error)
        assert heard.heard == []


def test_a_body_and_its_headers_arrive_as_they_are() -> None:
    with receiver(answers=[204]) as heard:
        url = heard.url.replace("127.0.0.1", "localhost")
        answer = outbound.post(
            f"{url}/a/é?c=d%20e", "{é}".encode(), {"X-One": "1"}, allow_loopback=True
        )
        assert answer == outbound.Answer(204)
        (one,) = heard.heard
        assert (one.path, one.body, one.headers["X-One"]) == (
            "/a/%C3%A9?c=d%20e",
            "{é}".encode(),
            "1",
        )
        assert one.headers["Host"] == url.removeprefix("http://")


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with receiver(answers=[302]) as heard:
        assert outbound.post(heard.url, b"{}", {}, allow_loopback=True).status == 302
        assert len(heard.heard) == 1


def test_a_long_answer_is_not_read_to_its_end() -> None:
    with receiver() as heard:
        heard.length = 64 * 1024 * 1024
        began = monotonic()
        assert outbound.post(heard.url, b"{}", {}, allow_loopback=True).status == 200
        assert monotonic() - began < 5


def test_a_receiver_that_says_nothing_is_given_up() -> None:
    with receiver() as heard:
        heard.hold = threading.Event()
        answer = outbound.post(heard.url, b"{}", {}, allow_loopback=True, deadline=0.3)
        assert answer == outbound.Answer(None, "took too long")


def test_a_receiver_that_drips_is_given_up_too() -> None:
    stop = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            while not stop.wait(0.05):
                try:
                    connection.sendall(b"H")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        began = monotonic()
        answer = outbound.post(url, b"{}", {}, allow_loopback=True, deadline=0.4)
        stop.set()
        thread.join()
    assert answer.error == "took too long"
    assert monotonic() - began < 3


def test_a_connection_that_is_made_after_the_deadline_is_not_gone_on_with() -> None:
    stop = threading.Event()
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        listener.settimeout(0.1)
        # They fill the queue: who comes now is let in when there is room, a second later.
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())

        def let_in() -> None:
            stop.wait(0.4)
            while not stop.is_set():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    threading.Thread(target=drip, args=(connection,)).start()

        def drip(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                while not stop.wait(0.05):
                    connection.sendall(b"H")

        thread = threading.Thread(target=let_in)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        sent: list[outbound.Answer] = []
        post = threading.Thread(
            target=lambda: sent.append(
                outbound.post(url, b"{}", {}, allow_loopback=True, deadline=0.2)
            )
        )
        post.start()
        post.join(4)
        in_time = not post.is_alive()
        stop.set()
        post.join()
        thread.join()
    assert in_time
    assert sent == [outbound.Answer(None, "took too long")]


def test_nobody_there_and_a_name_that_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = outbound.post(f"http://127.0.0.1:{port}/", b"{}", {}, allow_loopback=True)
    assert answer == outbound.Answer(None, "ConnectionRefusedError")
    answer = outbound.post("https://nowhere.invalid/", b"{}", {}, allow_loopback=False)
    assert answer.status is None
    assert "not known" in str(answer.error)


def certificate(folder: Path, *, name: str = "localhost") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server shows that calls itself so, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(file)
    return shown, ssl.create_default_context(cafile=str(file))


def test_the_certificate_has_to_be_the_names_although_the_connection_is_to_an_address(
    tmp_path: Path,
) -> None:
    shown, trusted = certificate(tmp_path)
    with receiver(tls=shown) as heard:
        named = heard.url.replace("127.0.0.1", "localhost")
        answer = outbound.post(named, b"{}", {}, allow_loopback=True, tls=trusted)
        assert answer == outbound.Answer(200)
        answer = outbound.post(heard.url, b"{}", {}, allow_loopback=True, tls=trusted)
        assert "certificate" in str(answer.error)
        answer = outbound.post(named, b"{}", {}, allow_loopback=True)
        assert "certificate" in str(answer.error)
        assert len(heard.heard) == 1
