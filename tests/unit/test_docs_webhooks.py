"""What docs/webhooks.md says is so."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from threadsworker.errors import BadSignature
from threadsworker.notice import NoticeEvent
from threadsworker.signature import SIGNATURE, TIMESTAMP, sign

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
SECRET, BODY = "whsec_0123456789abcdef", b'{"event": "job.published"}'


def example(of: str) -> Any:
    """The function of that name, from the page."""
    (block,) = [one for one in re.findall(r"```python\n(.*?)```", PAGE, re.S) if f"def {of}" in one]
    names: dict[str, Any] = {"json": json, "hmac": hmac, "hashlib": hashlib}
    exec(block, names)
    return names[of]


def headers(body: bytes = BODY) -> dict[str, str]:
    now = str(int(time.time()))
    return {TIMESTAMP: now, SIGNATURE: sign(SECRET, now, body)}


def test_the_examples_tell_ours_from_others() -> None:
    receive, is_ours = example("receive"), example("is_ours")
    assert receive(SECRET, headers(), BODY) == {"event": "job.published"}
    assert is_ours(SECRET, headers(), BODY)
    with pytest.raises(BadSignature):
        receive(SECRET, headers(), b"{}")
    assert not is_ours(SECRET, headers(), b"{}")


def test_every_event_is_in_the_table() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`([a-z]+\.[a-z_]+)`", row.split("|")[1])}
    assert told == {str(event) for event in NoticeEvent}
