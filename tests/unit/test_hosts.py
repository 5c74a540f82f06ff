"""Every spelling of an address that is not of the public internet is known for one."""

from __future__ import annotations

import ipaddress

import pytest

from threadsworker import hosts, outbound
from threadsworker.media import address

#: One address of each range that is somebody's own, or nobody's.
#: Source: https://www.iana.org/assignments/iana-ipv4-special-registry and
#: …/iana-ipv6-special-registry (2024-10).
SPECIAL = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255"),
    *("127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254", "172.16.0.1"),
    *("172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.0.1"),
    *("198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "100:0:0:1::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1"),
    *(
        "2001:db8::1",
        "2002:808:808::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:c0a8:1::1",
        "3fff::1",
    ),
    *("4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "ff0e::1"),
    *("fe80::1%eth0", "2606:4700::1111%eth0"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1"),
    *("192.169.0.1", "198.17.255.255", "223.255.255.254"),
    *("2606:4700:4700::1111", "2a00:1450:4001::1", "64:ff9b::808:808"),
]
#: What a client may take for 127.0.0.1, for 169.254.169.254, or for a name of the inside.
SPELLINGS = [
    *("127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "0177.0.0.1"),
    *("017700000001", "127.0.0.0x1", "0", "127.0.0.1.", "127.0.0.1..", "127.0.0.256"),
    *("2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "425.510.425.510"),
    *("１２７.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "127.0.0.1\ufe0f"),
    *(
        "%31%32%37.0.0.1",
        "127.0.0.%31",
        "127%2e0%2e0%2e1",
        "loc%61lhost",
        "metadata.google.%69nternal",
    ),
    *("localhost", "LOCALHOST", "localhost.", "ｌｏｃａｌｈｏｓｔ", "a.localhost", "printer"),
    *("printer.local", "printer。local", "db.internal", "db.internal.", "db。internal"),
    *("router.home.arpa", "metadata.google.internal", "metadata.google\u3002internal"),
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[fe80::1%25eth0]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]", "[fd00:ec2::254]"),
]
#: URLs that clients read in different ways.
AMBIGUOUS = [
    "https://127.0.0.1\\.example.com/a.jpg",
    "https://example.com\\@127.0.0.1/a.jpg",
    "https:\\\\127.0.0.1/a.jpg",
    "https://example.com\t.evil/a.jpg",
    "https://exam\u00adple.com/a.jpg",
    "https://exam\u200bple.com/a.jpg",
    "https://127.0.0.1\r\nHost: a/a.jpg",
    "https://[v1.fe80]/a.jpg",
    "https://[::1/a.jpg",
    "https://[127.0.0.1]/a.jpg",
    "https://example.com:65536/a.jpg",
    "https://example.com:8o/a.jpg",
    "https://.../a.jpg",
    "https:///a.jpg",
    "https://?/a.jpg",
    "https://ex\u2100ample.com/a.jpg",
]


@pytest.mark.parametrize("text", SPECIAL)
def test_an_address_of_a_special_range_is_not_public(text: str) -> None:
    assert not hosts.is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_its_neighbours_are(text: str) -> None:
    assert hosts.is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("host", SPELLINGS)
def test_however_it_is_spelled_neither_we_nor_meta_are_sent_there(host: str) -> None:
    url = f"https://{host}/a.jpg"
    told = [one.rule for one in outbound.problems(url, allow_loopback=False)]
    assert told == ["subscription.url.private"]
    passed = address.problems(url, where="media 1", allow_private=False)
    assert [one.rule for one in passed] == ["media.url.private"]


@pytest.mark.parametrize("url", AMBIGUOUS)
def test_a_url_that_can_be_read_in_two_ways_is_none(url: str) -> None:
    told = [one.rule for one in outbound.problems(url, allow_loopback=True)]
    assert told == ["subscription.url.invalid"]
    if address.is_url(url):
        passed = address.problems(url, where="media 1", allow_private=True)
        assert [one.rule for one in passed] == ["media.url.invalid"]


@pytest.mark.parametrize(
    "host", ["example.com", "bücher.example", "8.8.8.8", "xn--bcher-kva.example", "a_b.example.com"]
)
def test_a_host_of_the_public_internet_is_one(host: str) -> None:
    assert not hosts.is_private(host)
