from __future__ import annotations

import pytest

from threadsworker.media import address
from threadsworker.post import MediaKind


def rules(url: str, *, allow_private: bool = False) -> list[str]:
    found = address.problems(url, where="media 1", allow_private=allow_private)
    return [problem.rule for problem in found]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.jpg",
        "http://example.com:8080/a.jpg?sig=a%2Bb%3D%3D#part",
        "HTTPS://EXAMPLE.COM/A.JPG",
        "https://8.8.8.8/a.png",
        "https://[2001:4860:4860::8888]/a.png",
        "https://bücher.example/ä.jpg",
    ],
)
def test_a_public_url_is_passed_on(url: str) -> None:
    assert rules(url) == []


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "printer",
        "printer.local",
        "metadata.google.internal",
        "router.home.arpa",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "１２７.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "1.2.3.999",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00::1]",
        "[ff02::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
    ],
)
def test_a_host_that_is_not_of_the_public_internet_is_refused_unless_allowed(host: str) -> None:
    assert rules(f"https://{host}/a.jpg") == ["media.url.private"]
    assert rules(f"https://{host}/a.jpg", allow_private=True) == []


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("ftp://example.com/a.jpg", "media.url.scheme"),
        ("file:///etc/passwd", "media.url.scheme"),
        ("https://me@example.com/a.jpg", "media.url.userinfo"),
        ("https://me:pw@example.com/a.jpg", "media.url.userinfo"),
        ("https:///a.jpg", "media.url.invalid"),
        ("https://example.com/a b.jpg", "media.url.invalid"),
        ("https://example.com/a\n.jpg", "media.url.invalid"),
        ("https://[::1/a.jpg", "media.url.invalid"),
        ("https://example.com:99999/a.jpg", "media.url.invalid"),
    ],
)
def test_what_is_wrong_with_a_url_has_a_rule_of_its_own(url: str, rule: str) -> None:
    assert rules(url) == [rule]


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://example.com/a.jpg", MediaKind.IMAGE),
        ("https://example.com/a.JPEG?x=b.mp4", MediaKind.IMAGE),
        ("https://example.com/a.png#b.mp4", MediaKind.IMAGE),
        ("https://example.com/a.MP4", MediaKind.VIDEO),
        ("https://example.com/a%2Emov", MediaKind.VIDEO),
        ("https://example.com/a", None),
        ("https://example.com/?file=a.jpg", None),
        ("https://example.jpg/", None),
    ],
)
def test_the_suffix_of_the_path_tells_the_kind(url: str, kind: MediaKind | None) -> None:
    assert address.kind_of(url) == kind
