"""What Meta sends, as the fact sheet has it."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from pydantic import SecretStr

from threadsworker import sandbox
from threadsworker.errors import BadSignature
from threadsworker.threads_api.notifications import (
    SignedRequest,
    read_notifications,
    read_signed_request,
    signature_is_good,
)

APP, META = SecretStr("the-threads-app-secret"), SecretStr("the-meta-app-secret")
NOW = 1_800_000_000
#: As Meta writes it: flat, and with everything beyond ASCII escaped.
REPLY = (
    rb'{"app_id":"123456","topic":"moderate","target_id":"78901","time":1723226877,'
    rb'"subscription_id":"234567","has_uid_field":false,"values":{"value":{"id":"8901234",'
    rb'"username":"u","text":"caf\u00e9 \ud83d\ude00","media_type":"TEXT_POST",'
    rb'"permalink":"https:\/\/www.threads.net\/@u\/post\/Pp","replied_to":{"id":"567890"},'
    rb'"root_post":{"id":"123456","owner_id":17841405793187218,"username":"u2"},'
    rb'"shortcode":"Pp","timestamp":"2024-08-07T10:33:16+0000"},"field":"replies"}}'
)


def signed_by(secret: SecretStr, body: bytes) -> str:
    return hmac.new(secret.get_secret_value().encode(), body, hashlib.sha256).hexdigest()


def test_either_secret_may_sign_the_bytes_as_they_came() -> None:
    for secret in (APP, META):
        header = f"sha256={signed_by(secret, REPLY)}"
        assert signature_is_good(REPLY, header, [APP, META])
        assert signature_is_good(REPLY, header.upper().replace("SHA256", "sha256"), [APP, META])
        assert not signature_is_good(REPLY.replace(rb"\u00e9", "é".encode()), header, [APP, META])
        assert not signature_is_good(REPLY, header, [])
    assert not signature_is_good(REPLY, f"sha256={signed_by(META, REPLY)}", [APP])
    for none in (None, "", "sha256=", "sha1=" + "0" * 40, "é"):
        assert not signature_is_good(REPLY, none, [APP, META])


def test_the_flat_envelope() -> None:
    (told,) = read_notifications(REPLY)
    assert (told.field, told.target_id) == ("replies", "78901")
    assert told.value["text"] == "café 😀"
    # A number above 2^53, whole.
    assert told.user_ids == ["17841405793187218"]
    assert told.media_ids == ["8901234", "567890", "123456", "78901"]


def test_the_same_told_again_later_has_the_same_digest() -> None:
    again = REPLY.replace(b"1723226877", b"1723229999")
    other = REPLY.replace(b'"id":"8901234"', b'"id":"8901235"')
    assert read_notifications(again)[0].digest == read_notifications(REPLY)[0].digest
    assert read_notifications(other)[0].digest != read_notifications(REPLY)[0].digest


def test_a_mention_is_for_the_mentioned() -> None:
    value = {"id": "1", "root_post": {"id": "2", "owner_id": "3"}}
    values = {"field": "mentions", "value": value}
    (told,) = read_notifications(json.dumps({"target_id": "9", "values": values}).encode())
    assert told.user_ids == ["9"]


def test_a_deletion_is_of_its_owner() -> None:
    values = {"field": "delete", "value": {"id": "1", "owner": {"owner_id": "7"}}}
    (told,) = read_notifications(json.dumps({"target_id": "1", "values": [values]}).encode())
    assert told.user_ids[0] == "7"


def test_the_nested_envelope_of_other_products() -> None:
    changes = [{"field": "mentions", "value": {"id": "1"}}, {"field": "publish", "value": {}}]
    body = json.dumps({"object": "threads", "entry": [{"id": 9, "changes": changes}]})
    told = read_notifications(body.encode())
    assert [(one.field, one.target_id) for one in told] == [("mentions", "9"), ("publish", "9")]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"values":1}', b'{"entry":[1]}', b"\xff", b"[" * 99_999]
)
def test_anything_else_cannot_be_read(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - that is all the caller knows
        read_notifications(body)


def signed_request(secret: SecretStr = APP, **changed: Any) -> str:
    said = {"user_id": "17841", "issued_at": NOW, **changed}
    return sandbox.signed_request(secret=secret.get_secret_value(), **said)


@pytest.mark.parametrize("secret", [APP, META])
def test_a_signed_request_names_the_user(secret: SecretStr) -> None:
    for given in (signed_request(secret), signed_request(secret, user_id=17841, expires=0)):
        said = read_signed_request(given, [APP, META], now=NOW + 60)
        assert said == SignedRequest("17841", issued_at=NOW)
    dateless = signed_request(secret, issued_at=0)
    assert read_signed_request(dateless, [APP, META], now=NOW).issued_at is None


@pytest.mark.parametrize(
    "given",
    [
        "",
        ".",
        "no-dot",
        "!!.!!",
        signed_request(SecretStr("another secret")),
        signed_request() + "x",
        signed_request(algorithm="none"),
        signed_request(issued_at=NOW - 90_000),
        signed_request(issued_at=NOW + 90_000),
        signed_request(expires=NOW - 3600),
        signed_request(user_id=""),
    ],
)
def test_a_signed_request_that_proves_nothing(given: str) -> None:
    with pytest.raises(BadSignature):
        read_signed_request(given, [APP], now=NOW)
    with pytest.raises(BadSignature):
        read_signed_request(signed_request(), [], now=NOW)
