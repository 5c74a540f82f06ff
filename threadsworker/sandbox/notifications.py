"""
What Meta sends unasked, signed as Meta signs it: to try out a receiver.

    from threadsworker.sandbox import notify

    notify("http://127.0.0.1:8788/webhook", "replies", {"id": "1", "text": "…"}, secret="…")
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

from threadsworker import outbound
from threadsworker.errors import AnswerLost


def notification(
    field: str, value: dict[str, Any], *, target_id: str = "1", sent_at: int | None = None
) -> bytes:
    """The body of a notification: the flat envelope, with everything beyond ASCII escaped."""
    said = {
        "app_id": "123456",
        "topic": "moderate" if field in ("replies", "delete") else "interaction",
        "target_id": target_id,
        "time": int(time.time()) if sent_at is None else sent_at,
        "subscription_id": "234567",
        "has_uid_field": False,
        "values": {"value": value, "field": field},
    }
    return json.dumps(said).replace("/", r"\/").encode()


def hub_signature(body: bytes, *, secret: str) -> str:
    """``X-Hub-Signature-256`` of the body."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def notify(
    url: str, field: str, value: dict[str, Any], *, secret: str, target_id: str = "1"
) -> int:
    """
    Send one notification; the receiver's status.

    Raises
    ------
    AnswerLost:
        There is no answer, or the URL is neither https nor this machine's.
    """
    body = notification(field, value, target_id=target_id)
    headers = {
        "Content-Type": "application/json",
        "X-Hub-Signature-256": hub_signature(body, secret=secret),
    }
    answer = outbound.post(url, body, headers, allow_loopback=True)
    if answer.status is None:
        raise AnswerLost(f"{url}: {answer.error}")
    return answer.status


def signed_request(user_id: str, *, secret: str, **changed: Any) -> str:
    """What the callbacks for deauthorization and data deletion get as ``signed_request``."""
    said = {
        "user_id": user_id,
        "algorithm": "HMAC-SHA256",
        "issued_at": int(time.time()),
        **changed,
    }
    payload = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=")
    mac = hmac.new(secret.encode(), payload, hashlib.sha256).digest()
    return f"{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}.{payload.decode()}"
