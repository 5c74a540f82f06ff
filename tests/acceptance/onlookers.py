"""Who looks at an installation from outside, or knocks: with its secrets, and without."""

from __future__ import annotations

from typing import Any

import requests

from tests.acceptance.planted import LEAK, Planted
from tests.services import eventually
from threadsworker import queue
from threadsworker.sandbox.notifications import hub_signature


def receive(port: int, planted: Planted) -> None:
    """Meta's handshake, with the token in the query; a signed notification, and a bad one."""
    url = f"http://127.0.0.1:{port}/webhook"
    asked = {
        "hub.mode": "subscribe",
        "hub.challenge": "1",
        "hub.verify_token": planted.verify_token,
    }

    def greeted() -> bool:
        try:
            return requests.get(url, asked, timeout=20).text == "1"
        except requests.ConnectionError:
            return False

    eventually(greeted, timeout=60)
    body = f'{{"object": "{LEAK}"'.encode()
    for secret in (planted.meta_app_secret, "another"):
        signed = {"X-Hub-Signature-256": hub_signature(body, secret=secret)}
        assert requests.post(url, body, headers=signed, timeout=20).status_code in (400, 401)


def metrics(port: int, token: str) -> bytes:
    """The page, for who knows the token; not for who has it in the wrong place."""
    url = f"http://127.0.0.1:{port}/metrics"

    def asked(**given: Any) -> requests.Response:
        return requests.get(url, timeout=60, **given)

    assert asked().status_code == 401
    assert asked(params={"token": token}).status_code == 401
    assert asked(auth=(token, "x" * len(token))).status_code == 401
    assert asked(headers={"Authorization": f"Bearer {token}x"}).status_code == 401
    page = asked(auth=("prometheus", token))
    assert page.status_code == 200
    assert asked(headers={"Authorization": f"Bearer {token}"}).status_code == 200
    return page.content


class Flower:
    """Its pages and its API, as an operator reads them."""

    def __init__(self, port: int, password: str) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._auth = ("operator", password)

    def _get(self, path: str) -> bytes:
        return requests.get(f"{self._base}{path}", auth=self._auth, timeout=60).content

    def refuses(self, password: str) -> bool:
        """Whether it shows nothing to who puts the password where it does not belong."""
        asked = [
            requests.get(f"{self._base}/api/tasks", timeout=60),
            requests.get(f"{self._base}/tasks", {"auth": password}, timeout=60),
            requests.get(f"{self._base}/tasks", auth=(password, "operator"), timeout=60),
            requests.post(f"{self._base}/api/task/async-apply/{queue.CLEANUP}", "{}", timeout=60),
        ]
        return {answer.status_code for answer in asked} == {401}

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self._base}/", auth=self._auth, timeout=60).status_code == 200
        except requests.RequestException:
            return False

    def written(self) -> dict[str, bytes]:
        """What it shows; nothing while the leak is not to be seen yet, in its counts too."""
        listed = requests.get(f"{self._base}/api/tasks", auth=self._auth, timeout=60)
        if LEAK not in listed.text or LEAK.encode() not in self._get("/metrics"):
            return {}
        pages = {
            f"Flower's {path}": self._get(path)
            for path in ("/metrics", "/tasks", "/workers", "/broker")
        }
        details = b"\n".join(self._get(f"/task/{task}") for task in listed.json())
        return {"Flower's /api/tasks": listed.content, "Flower's task pages": details, **pages}
