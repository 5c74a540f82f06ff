"""
Notices on their way to addresses that users of threadsworker have named.

Such an address must not lead into the network that the worker stands in. So it is looked at
when it is named and again at every delivery; all addresses of its host have to be public; and
the connection goes to the address that was looked at, not to what the name means a moment
later. Redirects are not followed, and proxies of the environment are not used.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import SplitResult, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH, requote_uri

from threadsworker.errors import Problem
from threadsworker.hosts import Address, is_loopback, is_own, is_private, is_public, read_url

#: Seconds until a connection counts as failed, and of silence until an answer does.
CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 10.0
#: Seconds that one try may take in all, however slowly the receiver drips.
DEADLINE = 20.0
#: Bytes of an answer that are read, so that the receiver is not cut off; nothing is kept.
LONGEST_ANSWER = 64 * 1024
#: Addresses of one host that are tried.
MOST_ADDRESSES = 4


@dataclass(frozen=True)
class Answer:
    """What came of one request: a status, or a word on why there is none."""

    status: int | None
    error: str | None = None


def problems(url: str, *, allow_loopback: bool) -> Iterator[Problem]:
    """
    What keeps notices from being sent to this URL, as far as its text tells.

    Parameters
    ----------
    allow_loopback:
        Whether this machine may be named, also by plain http: for tests.
    """
    try:
        parts = read_url(url)
    except ValueError as error:
        yield _problem("invalid", str(error))
        return
    host = parts.hostname
    if not host:
        yield _problem("invalid", "The URL has no host")
        return
    local = allow_loopback and is_loopback(host)
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        yield _problem("scheme", "Notices are sent by https only", "https", parts.scheme)
    if parts.username is not None or parts.password is not None:
        yield _problem("userinfo", "The URL holds a user name or password; leave it out")
    if is_private(host) and not local:
        yield _private(host)


def resolved(url: str) -> list[Address]:
    """
    The addresses of the URL's host, asked for now.

    Raises
    ------
    OSError:
        The name is not known, or nobody can be asked.
    """
    parts = urlsplit(url)
    assert parts.hostname is not None
    found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
    # An address of a link names its interface behind a percent sign.
    return list(dict.fromkeys(ipaddress.ip_address(str(one[4][0]).split("%")[0]) for one in found))


def unfit(addresses: Iterable[Address], *, allow_loopback: bool) -> Iterator[Problem]:
    """What keeps notices from being sent to a host that has these addresses: any private one."""
    for address in addresses:
        if not is_public(address) and not (allow_loopback and is_own(address)):
            yield _private(str(address))


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_loopback: bool,
    tls: ssl.SSLContext | None = None,
    deadline: float = DEADLINE,
) -> Answer:
    """
    Send `body` to the URL, once.

    What goes wrong is an answer without status; it never raises for it. `tls`: None: the
    authorities of the system, and those that come with `requests`.
    """
    found = list(problems(url, allow_loopback=allow_loopback))
    if not found:
        try:
            addresses = resolved(url)
        except (OSError, UnicodeError) as error:
            return Answer(None, f"the host is not known ({type(error).__name__})")
        found = list(unfit(addresses, allow_loopback=allow_loopback))
    if found:
        return Answer(None, f"refused: {found[0].message} [{found[0].rule}]")
    connection = _Pinned(urlsplit(url), addresses[:MOST_ADDRESSES], tls)
    watch = threading.Timer(deadline, connection.cut)
    watch.daemon = True
    watch.start()
    try:
        return _exchange(connection, url, body, headers)
    except (OSError, HTTPException, ValueError) as error:
        return Answer(None, "took too long" if connection.is_cut else _named(error))
    finally:
        watch.cancel()
        connection.close()


def _exchange(connection: _Pinned, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection.request("POST", requote_uri(path), body, headers)
    answer = connection.getresponse()
    with suppress(OSError, HTTPException):
        _drain(answer)
    return Answer(answer.status)


def _drain(answer: HTTPResponse) -> None:
    left = LONGEST_ANSWER
    while left > 0 and (chunk := answer.read1(left)):
        left -= len(chunk)


class _Pinned(HTTPConnection):
    """A connection to one of the addresses that were looked at, whatever the name says now."""

    def __init__(
        self, parts: SplitResult, addresses: list[Address], tls: ssl.SSLContext | None
    ) -> None:
        assert parts.hostname is not None
        super().__init__(parts.hostname, _port(parts), timeout=READ_TIMEOUT)
        # The Host header does not name a port that goes without saying.
        self.default_port = 443 if parts.scheme == "https" else 80
        self._addresses = addresses
        self._tls = (tls or _authorities()) if parts.scheme == "https" else None
        self.is_cut = False

    def connect(self) -> None:
        self._hold(self._reached())
        if self._tls is not None:
            # In two steps, so that `cut` reaches a handshake too.
            secured = self._tls.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self._hold(secured)
            secured.do_handshake()

    def _hold(self, held: socket.socket) -> None:
        """From now on `cut` reaches it; what was cut before is not gone on with."""
        held.settimeout(READ_TIMEOUT)
        self.sock = held
        if self.is_cut:
            raise TimeoutError

    def _reached(self) -> socket.socket:
        failure: OSError = OSError("the host has no address")
        for address in self._addresses:
            if self.is_cut:
                break
            try:
                return socket.create_connection((str(address), self.port), CONNECT_TIMEOUT)
            except OSError as error:
                failure = error
        raise failure

    def cut(self) -> None:
        """End whatever it is waiting for."""
        self.is_cut = True
        if self.sock is not None:
            with suppress(OSError):
                # Of the socket below TLS, whose own state belongs to the thread that reads.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


@cache
def _authorities() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _named(error: Exception) -> str:
    """A word on what went wrong, with nothing of what the other side has said."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate was refused ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return type(error).__name__


def _private(host: str) -> Problem:
    return _problem(
        "private",
        "The URL's host is local or private; notices go to the public internet only",
        given=host,
    )


def _problem(
    rule: str, message: str, limit: str | None = None, given: str | None = None
) -> Problem:
    return Problem(f"subscription.url.{rule}", message, "target", limit, given)
