"""
Signatures of messages in the broker, for those who share it.

A signature stands before the body. What the body is for, the name and the id of a task, which
stand in headers that are not signed, is repeated inside, so that no signed body can be put under
another name. A message may still be taken away, held back or sent once more: the rows decide,
so that is harmless.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from itsdangerous import Signer

#: Where a body repeats what it is for.
SIGNED_FOR = "threadsworker_signed_for"
#: The present keys; the first signs, all verify.
Keys = Callable[[], Sequence[bytes]]


class NotSigned(Exception):
    """A message is not signed, or was altered: it is acknowledged, and nothing is done."""


def sealed(content: str, keys: Sequence[bytes]) -> str:
    """The content with its signature before it."""
    signature = _signer(keys).get_signature(content).decode()
    return f"{signature}.{content}"


def opened(body: str | bytes, keys: Sequence[bytes]) -> str:
    """The content, if one of the keys has signed it; NotSigned if none has."""
    text = body.decode() if isinstance(body, bytes) else body
    signature, _, content = text.partition(".")
    if not _signer(keys).verify_signature(content.encode(), signature):
        raise NotSigned("the message is not signed with a key of this installation")
    return content


def purpose(name: str, task_id: str) -> str:
    """What a body is for, as it is repeated inside."""
    return json.dumps([name, task_id])


def _signer(keys: Sequence[bytes]) -> Signer:
    # Its last key is the one that signs.
    return Signer(
        list(reversed(keys)),
        salt=b"threadsworker message",
        key_derivation="hmac",
        digest_method=hashlib.sha256,
    )
