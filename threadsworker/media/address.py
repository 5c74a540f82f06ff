"""Which URLs of media are passed on to Meta. They are read here and never fetched."""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

from threadsworker.errors import Problem
from threadsworker.post import MediaKind

#: Suffixes of a URL's path and what they mean, in lower case.
KINDS = {
    ".jpg": MediaKind.IMAGE,
    ".jpeg": MediaKind.IMAGE,
    ".png": MediaKind.IMAGE,
    ".mp4": MediaKind.VIDEO,
    ".mov": MediaKind.VIDEO,
}
#: Names that resolve inside a network only. Source: RFC 6761, 6762, 8375 and ICANN's
#: reservation of "internal" (2024-07-29).
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_url(text: str) -> bool:
    """Whether the text means to be a URL of any scheme."""
    return _SCHEME.match(text) is not None


def kind_of(url: str) -> MediaKind | None:
    """What the suffix of the URL's path says, if it says anything; the query is ignored."""
    return KINDS.get(suffix(url))


def suffix(url: str) -> str:
    """The suffix of the URL's path in lower case, such as ``.jpg``; may be empty."""
    return PurePosixPath(unquote(urlsplit(url).path)).suffix.lower()


def problems(url: str, *, where: str, allow_private: bool) -> Iterator[Problem]:
    """What keeps this URL from being passed on."""
    if any(character.isspace() or not character.isprintable() for character in url):
        yield Problem("media.url.invalid", "The URL holds a space or a control character", where)
        return
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        yield Problem("media.url.invalid", f"The URL cannot be read: {error}", where)
        return
    if parts.scheme not in ("http", "https"):
        yield Problem(
            "media.url.scheme",
            "Meta fetches http and https URLs only; give a local file as a path",
            where,
            "http, https",
            parts.scheme,
        )
        return
    yield from _host_problems(parts, host, where=where, allow_private=allow_private)


def _host_problems(
    parts: SplitResult, host: str | None, *, where: str, allow_private: bool
) -> Iterator[Problem]:
    if parts.username is not None or parts.password is not None:
        yield Problem(
            "media.url.userinfo", "The URL holds a user name or password; leave it out", where
        )
    if not host:
        yield Problem("media.url.invalid", "The URL has no host", where)
    elif not allow_private and is_private(host):
        yield Problem(
            "media.url.private",
            "The URL's host is local or private, so Meta cannot fetch it; give a public URL, "
            "or the file itself",
            where,
            given=host,
        )


def is_private(host: str) -> bool:
    """Whether a host is, by its name or address alone, not one of the public internet."""
    host = unicodedata.normalize("NFKC", host).rstrip(".").lower()
    address = _address(host)
    if address is not None:
        return not all(
            one.is_global and not one.is_multicast for one in (address, *_carried(address))
        )
    return "." not in host or host.endswith(_LOCAL_NAMES)


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    # "127.1", "0x7f000001" and "2130706433" are addresses to most clients.
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError:
            return ipaddress.IPv4Address(0)
    return None


def _carried(address: Address) -> Iterator[Address]:
    """The IPv4 address that an IPv6 address leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
