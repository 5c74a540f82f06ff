"""What a broker's URL may say, and that TLS verifies unless it says otherwise."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from threadsworker.errors import InvalidSettings
from threadsworker.queue import tls_of
from threadsworker.settings import load_settings

PASSWORD = "broker-password-7d20"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the developer's is read."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("amqp://u:{}@h", "amqp is not supported; it begins with one of redis://"),
        ("sentinel://:{}@h:26379", "sentinel is not supported"),
        ("h:6379/{}", "is not supported"),
        ("redis://u:{}@h?ssl_ca_certs=/x", "ssl_ca_certs is no option of redis://"),
        ("rediss://u:{}@h?ssl_ca=/x", "ssl_ca is no option of rediss://; rediss:// has ssl_cert"),
        ("rediss://u:{}@h?ssl_cert_reqs=maybe", "ssl_cert_reqs must be required, optional or none"),
        ("redis://u:{}@h/abc", "must be the number of a database"),
        ("redis://u:{}@h/0/1", "must be the number of a database"),
        ("redis://u:0/{}@h/0", "must be the number of a database"),
        ("rediss://u:{}@h?ssl_ca_certs=/no/such", "ssl_ca_certs: there is no file /no/such"),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load_settings(broker_url=url.format(PASSWORD))
    assert sentence in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    ("query", "verify", "name"),
    [
        ("", ssl.CERT_REQUIRED, True),
        ("?ssl_cert_reqs=none", ssl.CERT_NONE, True),
        ("?ssl_cert_reqs=CERT_REQUIRED", ssl.CERT_REQUIRED, True),
        ("?ssl_check_hostname=false", ssl.CERT_REQUIRED, False),
    ],
)
def test_a_certificate_is_verified_unless_the_url_says_otherwise(
    query: str, verify: ssl.VerifyMode, name: bool
) -> None:
    url, options = tls_of(f"rediss://u:p@h:6380/1{query}")
    assert url == "rediss://u:p@h:6380/1"
    assert options == {"ssl_cert_reqs": verify, "ssl_check_hostname": name}


def test_other_addresses_are_left_as_they_are() -> None:
    for url in ("redis://u:p@h/0?health_check_interval=3", "redis+socket:///tmp/a%20b.sock"):
        assert tls_of(url) == (url, {})
