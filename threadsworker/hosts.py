"""Which hosts are of the public internet, by their name or address alone. Asks nobody."""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Iterator

#: Names that resolve inside a network only. Source: RFC 6761, 6762, 8375 and ICANN's
#: reservation of "internal" (2024-07-29).
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: All of IPv6 that is given out to the internet. The rest holds addresses of sites and of
#: translators, which `is_global` takes for public ones.
#: Source: https://www.iana.org/assignments/ipv6-address-space (2019-09-13).
_GIVEN_OUT = ipaddress.ip_network("2000::/3")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    return host == "localhost" if address is None else address.is_loopback


def is_public(address: Address) -> bool:
    """Whether an address, and what it leads to, is one of the public internet."""
    if address.version == 6 and address not in _GIVEN_OUT and address not in _NAT64:
        return False
    return all(one.is_global and not one.is_multicast for one in (address, *_carried(address)))


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
        except OSError:
            return ipaddress.IPv4Address(0)
    return None


def _plain(host: str) -> str:
    return unicodedata.normalize("NFKC", host).rstrip(".").lower()


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
