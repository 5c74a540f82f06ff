"""
The baseline: a client that does one thing after the other, and sleeps between looks.

So does the older library, ThreadsPipe-py 0.4.5, at its defaults
(https://github.com/paulosabayomi/ThreadsPipe-py, threadspipepy/threadspipe.py, 2025-03-27): local
files go up one by one before anything else; each segment asks for the quota; each carousel item
is created and awaited before the next; a container is looked at as soon as it is created and
then every 35 seconds; a post is looked at once more after it was published.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from tests.acceptance.installation import ACCESS_TOKEN, GITHUB_TOKEN, USER_ID
from tests.bench.floor import Drawn
from threadsworker.sandbox import Sandbox

#: Seconds between two looks at a container: the library's default, and the least that its
#: documentation allows.
DEFAULT_WAIT = 35.0
LEAST_WAIT = 30.0
_TIMEOUT = 60.0


def live(drawn: Sequence[Drawn], *, files: int, round_trip: float, wait: float) -> float:
    """When the last segment is live, in seconds after the start."""
    moment = files * round_trip
    for segment in drawn:
        moment += round_trip
        for processing in (*segment.items, segment.post):
            moment += round_trip + _awaited(processing, round_trip=round_trip, wait=wait)
        # The publish, and the look after it.
        moment += 2 * round_trip
    return moment - 1.5 * round_trip


def _awaited(processing: float, *, round_trip: float, wait: float) -> float:
    """Seconds from the answer to the creation to that of the look which finds it ready."""
    looks = 0
    # The first look arrives a whole round trip after the creation did.
    while round_trip + looks * (wait + round_trip) < processing:
        looks += 1
    return looks * (wait + round_trip) + round_trip


class SerialClient:
    """Publishes one post without carousels, every request on a connection of its own."""

    def __init__(self, sandbox: Sandbox, *, wait: float = DEFAULT_WAIT) -> None:
        self._threads = f"{sandbox.threads_api_url}/v1.0"
        self._github = f"{sandbox.github_api_url}/repos/octo/stage/contents"
        self._wait = wait

    def publish(self, text: str, picture: Path | None = None) -> None:
        """Returns when the post is live and was looked at."""
        media = {"media_type": "TEXT"}
        if picture is not None:
            media = {"media_type": "IMAGE", "image_url": self._put(picture)}
        self._threads_call(
            "GET", f"{USER_ID}/threads_publishing_limit", fields="quota_usage,config"
        )
        made = self._threads_call("POST", f"{USER_ID}/threads", text=text, **media)["id"]
        while self._status(made) != "FINISHED":
            time.sleep(self._wait)
        self._threads_call("POST", f"{USER_ID}/threads_publish", creation_id=made)
        self._status(made)

    def _put(self, picture: Path) -> str:
        """The URL of the picture in the repository."""
        content = base64.b64encode(picture.read_bytes()).decode()
        answer = requests.put(
            f"{self._github}/{picture.name}",
            headers={"Authorization": f"Bearer {GITHUB_TOKEN}"},
            json={"message": "upload", "content": content},
            timeout=_TIMEOUT,
        )
        answer.raise_for_status()
        return str(answer.json()["content"]["download_url"])

    def _status(self, container: str) -> str:
        return str(self._threads_call("GET", container, fields="status,error_message")["status"])

    def _threads_call(self, method: str, path: str, **parameters: str) -> dict[str, Any]:
        answer = requests.request(
            method,
            f"{self._threads}/{path}",
            params={"access_token": ACCESS_TOKEN, **parameters},
            timeout=_TIMEOUT,
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
