"""Signatures of what threadsworker sends, and how a receiver checks them."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping

from pydantic import SecretStr

from threadsworker.errors import BadSignature

EVENT = "X-Threadsworker-Event"
#: The same for every try of one delivery.
DELIVERY = "X-Threadsworker-Delivery"
#: Seconds since 1970, of this try.
TIMESTAMP = "X-Threadsworker-Timestamp"
SIGNATURE = "X-Threadsworker-Signature"

#: Seconds that a signature is good for, unless a receiver says otherwise.
MAX_AGE = 300.0


def sign(secret: SecretStr | str, timestamp: int | str, body: bytes) -> str:
    """``sha256=`` and the HMAC of ``timestamp.body``, in hexadecimal digits."""
    key = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    signed = f"{timestamp}.".encode() + body
    return "sha256=" + hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()


def verify(
    secret: SecretStr | str,
    headers: Mapping[str, str],
    body: bytes,
    max_age: float = MAX_AGE,
    *,
    now: float | None = None,
) -> None:
    """
    Nothing, if the request is ours and recent.

    Parameters
    ----------
    secret:
        What `subscribe` returned once.
    headers:
        Of the request; the case of their names does not matter.
    body:
        As it came, before anything parsed it.
    max_age:
        Seconds by which the receiver's clock and the sender's may differ, the way included.
    now:
        Seconds since 1970; None: this machine's clock.

    Raises
    ------
    BadSignature:
        A header is missing, the time is too far from now, or the signature is another one.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = given.get(TIMESTAMP.lower()), given.get(SIGNATURE.lower())
    if not timestamp or not signature:
        raise BadSignature(f"the request has no {TIMESTAMP} or no {SIGNATURE}")
    if not timestamp.isascii() or not timestamp.isdigit():
        raise BadSignature(f"{TIMESTAMP} is no number of seconds")
    age = abs((time.time() if now is None else now) - int(timestamp[:20]))
    if not hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode()):
        raise BadSignature("the signature is not of this body, time and secret")
    if age > max_age:
        raise BadSignature(f"the request is {age:.0f} s from now, and {max_age:.0f} s are allowed")
