"""
What Meta sends unasked: notifications, and callbacks with a signed request.

Source: https://developers.facebook.com/docs/threads/webhooks and
https://developers.facebook.com/docs/facebook-login/guides/advanced/data-deletion-callback, as
in the fact sheet of 2026-10. Which of an app's two secrets signs is documented nowhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from threadsworker.errors import BadSignature
from threadsworker.text import characters_only

#: Seconds that a signed request without an end of its own is good for: a copy of an old one
#: must not take away a token that came later.
SIGNED_REQUEST_LIFE = 24 * 3600
#: Seconds by which Meta's clock may be ahead of ours.
CLOCK_SKEW = 600


@dataclass(frozen=True)
class Notification:
    """One thing that Meta tells. Ids are strings."""

    #: ``replies``, ``delete``, ``mentions`` or ``publish``; others may come.
    field: str
    #: Of a medium (replies, delete) or of the mentioned user (mentions).
    target_id: str | None
    value: dict[str, Any]

    @property
    def digest(self) -> str:
        """The same for the same thing told twice, whenever it is told."""
        said = json.dumps([self.field, self.target_id, self.value], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def user_ids(self) -> list[str]:
        """Meta's ids of the users that it is for, as far as it names any; the surest first."""
        value = self.value
        found = [_within(value, "root_post", "owner_id"), _within(value, "owner", "owner_id")]
        if self.field == "mentions":
            # The thread's owner is somebody else.
            found = [self.target_id]
        elif self.field != "replies":
            found.append(self.target_id)
        return list(dict.fromkeys(one for one in found if one))

    @property
    def media_ids(self) -> list[str]:
        """Ids of posts that it is about, or hangs below."""
        value = self.value
        parents = [_within(value, "replied_to", "id"), _within(value, "root_post", "id")]
        found = [value.get("id"), *parents, self.target_id]
        return list(dict.fromkeys(str(one) for one in found if one))


def _within(value: dict[str, Any], name: str, key: str) -> str | None:
    inner = value.get(name)
    found = inner.get(key) if isinstance(inner, dict) else None
    return str(found) if found else None


def signature_is_good(body: bytes, header: str | None, secrets: Sequence[SecretStr]) -> bool:
    """Whether ``X-Hub-Signature-256`` is of these bytes, as they came, by one of the secrets."""
    given = (header or "").removeprefix("sha256=").lower().encode()
    # Every secret is tried, so that the time taken does not tell which one it was.
    matches = [hmac.compare_digest(_hmac(secret, body).hex().encode(), given) for secret in secrets]
    return any(matches)


def _hmac(secret: SecretStr, signed: bytes) -> bytes:
    return hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).digest()


def read_notifications(body: bytes) -> list[Notification]:
    """
    What a notification says: the flat envelope of Threads, or the nested one of Meta's others.

    Raises
    ------
    ValueError:
        It is neither.
    """
    try:
        # Ids are numbers above 2^53 in places.
        said = _storable(json.loads(body, parse_int=str))
    except (RecursionError, UnicodeDecodeError) as error:
        raise ValueError(type(error).__name__) from None
    if not isinstance(said, dict):
        raise ValueError("not an object")
    return list(_flat(said)) or list(_nested(said)) or _nothing()


def _storable(value: Any) -> Any:
    """The same with U+FFFD for what JSON can say and no database keeps."""
    match value:
        case str():
            return characters_only(value)
        case list():
            return [_storable(one) for one in value]
        case dict():
            return {characters_only(name): _storable(one) for name, one in value.items()}
    return value


def _nothing() -> list[Notification]:
    raise ValueError("neither `values` nor `entry`")


def _flat(said: dict[str, Any]) -> Iterator[Notification]:
    target_id = said.get("target_id")
    for change in _objects(said.get("values")):
        yield from _read(change, target_id)


def _nested(said: dict[str, Any]) -> Iterator[Notification]:
    for entry in _objects(said.get("entry")):
        for change in _objects(entry.get("changes")):
            yield from _read(change, entry.get("id"))


def _read(change: dict[str, Any], target_id: Any) -> Iterator[Notification]:
    field, value = change.get("field"), change.get("value")
    if isinstance(field, str) and isinstance(value, dict):
        yield Notification(field, str(target_id) if target_id else None, value)


def _objects(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, dict)]


@dataclass(frozen=True)
class SignedRequest:
    """What a callback's signed request says: whom it is about, and when that was said."""

    user_id: str
    #: Seconds since 1970, by Meta's clock; None: it does not say.
    issued_at: float | None


def read_signed_request(given: str, secrets: Sequence[SecretStr], *, now: float) -> SignedRequest:
    """
    What a signed request says. `now`: seconds since 1970.

    Raises
    ------
    BadSignature:
        None of the secrets has signed it, or it is too old, or names nobody.
    """
    signature, _, payload = given.partition(".")
    try:
        sent = _decoded(signature)
        # Every secret is tried, as above.
        matches = [hmac.compare_digest(_hmac(one, payload.encode()), sent) for one in secrets]
        if not any(matches):
            raise BadSignature("the signed request is not signed with the app's secret")
        said = json.loads(_decoded(payload), parse_int=str)
    except (ValueError, RecursionError):
        raise BadSignature("the signed request cannot be read") from None
    if not isinstance(said, dict) or str(said.get("algorithm", "")).upper() != "HMAC-SHA256":
        raise BadSignature("the signed request is not signed by HMAC-SHA256")
    issued, ends = _number(said.get("issued_at")), _number(said.get("expires"))
    if ends and now > ends + CLOCK_SKEW:
        raise BadSignature("the signed request has expired")
    if issued and not -CLOCK_SKEW <= now - issued <= SIGNED_REQUEST_LIFE:
        raise BadSignature("the signed request is too old, or not of this day")
    if not said.get("user_id"):
        raise BadSignature("the signed request names no user")
    return SignedRequest(str(said["user_id"]), issued or None)


def _decoded(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return 0.0
