"""
Which URLs lead to the public internet, as far as their text tells. Asks nobody.

The one reading of a URL that somebody names, be it for Meta to fetch or for us to call. Clients
read odd spellings in different ways, so what more than one of them could take for something
else is refused.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

#: Names that resolve inside a network only. Source: RFC 6761, 6762, 8375 and ICANN's
#: reservation of "internal" (2024-07-29).
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: All of IPv6 that is given out to the internet. The rest holds addresses of sites and of
#: translators, which `is_global` takes for public ones.
#: Source: https://www.iana.org/assignments/ipv6-address-space (2019-09-13).
_GIVEN_OUT = ipaddress.ip_network("2000::/3")
#: What Python's versions do not agree upon, or take for public: protocol assignments, AS112,
#: benchmarks, Teredo and other protocols', documentation; and 6to4, which nobody relays any more.
#: Source: https://www.iana.org/assignments/iana-ipv4-special-registry and
#: …/iana-ipv6-special-registry (2024-10).
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.175.48.0/24", "198.18.0.0/15"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
#: What IDNA maps to nothing, beside what counts as a control character: it must not keep a
#: name from being recognised. Source: RFC 3454, table B.1, and UTS 46.
_INVISIBLE = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
#: Dots to IDNA. Source: RFC 3490, 3.1.
_DOTS = re.compile("[\u3002\uff0e\uff61]")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def read_url(url: str) -> SplitResult:
    """
    The parts of a URL, of which any may be missing; its port is a number.

    Raises
    ------
    ValueError:
        It is none, or clients would read it in different ways; the message is a sentence.
    """
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("The URL holds a space or a control character")
    if "\\" in url:
        raise ValueError("The URL holds a backslash, which some take for a slash")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError(f"The URL cannot be read: {error}") from None
    if "[" in parts.netloc and address_of(host) is None:
        raise ValueError("The URL's host is in brackets and no IPv6 address")
    if host and not _plain(host):
        raise ValueError("The URL's host is nothing but dots")
    return parts


def is_private(host: str) -> bool:
    """Whether a host is, by its name or address alone, not one of the public internet."""
    host = _plain(host)
    address = address_of(host)
    if address is not None:
        return not is_public(address)
    return "." not in host or host.endswith(_LOCAL_NAMES)


def is_loopback(host: str) -> bool:
    """Whether a host is, by its name or address alone, this machine."""
    host = _plain(host)
    address = address_of(host)
    return host == "localhost" if address is None else is_own(address)


def is_own(address: Address) -> bool:
    """Whether it is this machine's loopback; one that is wrapped in IPv6 is not taken for it."""
    return getattr(address, "ipv4_mapped", None) is None and address.is_loopback


def is_public(address: Address) -> bool:
    """Whether an address, and what it leads to, is one of the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        # A zone names an interface of the machine that reads it.
        if address.scope_id is not None:
            return False
        if address not in _GIVEN_OUT and address not in _NAT64:
            return False
    return all(_is_ordinary(one) for one in (address, *_carried(address)))


def _is_ordinary(address: Address) -> bool:
    if any(address in network for network in _SPECIAL if network.version == address.version):
        return False
    # What NAT64 leads to is looked at by itself.
    return address in _NAT64 or (address.is_global and not address.is_multicast)


def address_of(host: str) -> Address | None:
    """The address that the host is, in any spelling; None: it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    # "127.1", "0x7f000001" and "2130706433" are addresses to most clients.
    if _NUMERIC_LABEL.fullmatch(host.rpartition(".")[2]):
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return ipaddress.IPv4Address(0)
    return None


def _plain(host: str) -> str:
    """The host as a resolver would see it: its escapes, its wide letters and its dots undone."""
    host = _INVISIBLE.sub("", unquote(host))
    return _DOTS.sub(".", unicodedata.normalize("NFKC", host)).rstrip(".").lower()


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
