from __future__ import annotations

import hashlib
import hmac

import pytest
from pydantic import SecretStr

from threadsworker.errors import BadSignature
from threadsworker.signature import SIGNATURE, TIMESTAMP, sign, verify

SECRET = "whsec_0123456789abcdef"
BODY = b'{"event":"job.published"}'
NOW = 1_800_000_000


def headers(**changed: str) -> dict[str, str]:
    given = {"timestamp": str(NOW), "signature": sign(SECRET, NOW, BODY), **changed}
    return {TIMESTAMP: given["timestamp"], SIGNATURE.lower(): given["signature"]}


def test_a_signature_is_the_hmac_of_time_and_body() -> None:
    by_hand = hmac.new(SECRET.encode(), b"1800000000." + BODY, hashlib.sha256).hexdigest()
    assert sign(SecretStr(SECRET), NOW, BODY) == f"sha256={by_hand}"


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_a_good_one_is_good_for_minutes(seconds: int) -> None:
    verify(SECRET, headers(), BODY, now=NOW + seconds)


@pytest.mark.parametrize(
    ("secret", "given", "body", "now"),
    [
        ("whsec_another_secret", headers(), BODY, NOW),
        (SECRET, headers(), BODY + b" ", NOW),
        (SECRET, headers(timestamp=str(NOW + 1)), BODY, NOW),
        (SECRET, headers(signature="sha256=" + "0" * 64), BODY, NOW),
        (SECRET, headers(signature="é"), BODY, NOW),
        (SECRET, headers(timestamp="soon"), BODY, NOW),
        (SECRET, headers(timestamp="²"), BODY, NOW),
        (SECRET, headers(timestamp="9" * 400), BODY, NOW),
        (SECRET, headers(), BODY, NOW + 301),
        (SECRET, headers(), BODY, NOW - 301),
        (SECRET, {SIGNATURE: sign(SECRET, NOW, BODY)}, BODY, NOW),
        (SECRET, {TIMESTAMP: str(NOW)}, BODY, NOW),
        (SECRET, {}, BODY, NOW),
    ],
)
def test_any_other_is_refused(secret: str, given: dict[str, str], body: bytes, now: float) -> None:
    with pytest.raises(BadSignature):
        verify(secret, given, body, now=now)


def test_the_clock_is_this_machines_unless_another_is_given() -> None:
    with pytest.raises(BadSignature, match="from now"):
        verify(SECRET, headers(), BODY)
