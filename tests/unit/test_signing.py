"""Signatures of messages."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from threadsworker.crypto import KeyRing, signing_keys
from threadsworker.errors import InvalidSettings
from threadsworker.settings import Settings, load_settings
from threadsworker.signing import NotSigned, opened, sealed

OLD = KeyRing(SecretStr("an old passphrase of ours")).signing_keys()
BOTH = KeyRing(SecretStr("a new passphrase of ours,an old passphrase of ours")).signing_keys()
NEW = BOTH[:1]
BODY = '[["job", 1], {}, {"a.b": "ü"}]'


def test_the_first_key_signs_and_all_verify() -> None:
    assert opened(sealed(BODY, OLD), BOTH) == BODY
    assert opened(sealed(BODY, BOTH).encode(), NEW) == BODY
    with pytest.raises(NotSigned):
        opened(sealed(BODY, BOTH), OLD)


@pytest.mark.parametrize(
    "altered",
    [
        BODY,
        "." + BODY,
        sealed(BODY, NEW)[:-1],
        sealed(BODY, NEW) + " ",
        sealed(BODY, NEW).replace("job", "jab"),
        sealed(BODY, NEW)[1:],
        sealed(BODY, NEW).partition(".")[0],
        "",
        "..",
        "é." + BODY,
    ],
)
def test_what_was_altered_or_never_signed_is_refused(altered: str) -> None:
    with pytest.raises(NotSigned):
        opened(altered, BOTH)


def test_tokens_and_messages_have_keys_of_their_own() -> None:
    ring = KeyRing(SecretStr("a new passphrase of ours"))
    assert ring.signing_keys()[0] not in ring.encrypt(b"x").encode()
    assert len(ring.signing_keys()[0]) == 32


def test_messages_are_signed_where_the_settings_say_so() -> None:
    key = SecretStr("a new passphrase of ours")
    assert signing_keys(Settings(secret_key=key)) is None
    keys = signing_keys(Settings(secret_key=key, sign_messages=True))
    assert keys is not None
    assert keys() == NEW


@pytest.mark.parametrize(
    ("broker", "is_taken"),
    [
        ("redis://redis.example:6379/0", False),
        ("rediss://:pw@10.0.0.1/0", False),
        ("redis://localhost:6379/0", True),
        ("redis://127.0.0.1/0", True),
        ("redis+socket:///run/redis.sock", True),
        (None, True),
    ],
)
def test_a_broker_elsewhere_needs_a_key_that_all_machines_have(
    broker: str | None, is_taken: bool
) -> None:
    given = {"sign_messages": True, "broker_url": broker}
    if is_taken:
        load_settings(**given)
        return
    with pytest.raises(InvalidSettings, match=r"SIGN_MESSAGES .* needs SECRET_KEY"):
        load_settings(**given)
    load_settings(**given, secret_key="a new passphrase of ours")
    load_settings(**given, secret_key_file="/run/secrets/key")
    with pytest.raises(InvalidSettings, match="both set"):
        load_settings(secret_key="a new passphrase of ours", secret_key_file="/x")
