"""Telling others as users see it: a worker, a beat, a receiver of webhooks, and receivers."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import requests

from tests.acceptance.installation import USER_ID, installation
from tests.receiver import Heard, Receiver, receiver
from tests.services import RedisServer, eventually, free_port
from threadsworker.sandbox import Sandbox, notify
from threadsworker.signature import verify

SECRET = "the-threads-app-secret"
REPLY = {"id": "8901234", "text": "a reply", "root_post": {"id": "1", "owner_id": USER_ID}}
HOOKS = """
import json, pathlib

def published(notice):
    pathlib.Path("called.json").write_text(json.dumps(notice))
"""


def test_who_listens_is_told_once_by_workers_and_by_meta(
    sandbox: Sandbox, redis: RedisServer, tmp_path: Path
) -> None:
    """Published, signed, and once; a task and a function of the app; and what Meta tells."""
    (tmp_path / "hooks.py").write_text(HOOKS)
    redis.client().flushall()
    settings = {
        "THREADSWORKER_BROKER_URL": redis.url,
        "THREADSWORKER_APP_SECRET": SECRET,
        "THREADSWORKER_WEBHOOK_VERIFY_TOKEN": "the-verify-token",
    }
    port = free_port()
    processes = (("worker", "-c", "2"), ("beat",), ("webhooks", "--port", str(port)))
    with (
        receiver(answers=[503, 200]) as heard,
        installation(tmp_path, sandbox, settings, processes=processes) as installed,
    ):
        events = ["--event", "job.published", "--event", "reply.received"]
        added = installed.json("subscription", "add", heard.url, *events)
        installed.run("subscription", "add", "hooks:published", "--event", "job.published")
        installed.run("subscription", "add", "shop.tasks.told@shop", "--event", "job.published")
        job = installed.publish("hello")
        told = of(heard, "job.published", times=2)
        assert {one.headers["X-Threadsworker-Delivery"] for one in told} == {
            told[0].headers["X-Threadsworker-Delivery"]
        }
        for one in told:
            verify(added["secret"], one.headers, one.body)
            assert one.notice["job"]["id"] == job["id"]
            segment = one.notice["job"]["segments"][0]
            assert segment["permalink"] == job["segments"][0]["permalink"]
            assert "hello" not in one.body.decode()
        called = tmp_path / "called.json"
        said = eventually(lambda: called.read_text() if called.exists() else "")
        assert json.loads(said)["id"] == told[0].notice["id"]
        client = redis.client()
        (message,) = eventually(lambda: client.lrange("shop", 0, -1))
        body = json.loads(base64.b64decode(json.loads(message)["body"]))
        assert body[1] == told[0].notice
        client.close()

        url = f"http://127.0.0.1:{port}"
        eventually(lambda: is_up(url), timeout=40)
        for _ in range(2):
            assert notify(f"{url}/webhook", "replies", REPLY, secret=SECRET) == 200
        (one,) = of(heard, "reply.received", times=1)
        assert (one.notice["account"], one.notice["data"]["media_id"]) == ("main", "8901234")
        log = installed.json("subscription", "deliveries", "--subscription", added["id"])
        assert [(one["event"], one["state"], one["tries"]) for one in log] == [
            ("reply.received", "delivered", 1),
            ("job.published", "delivered", 2),
        ]
        assert [one.headers["X-Threadsworker-Event"] for one in heard.heard].count(
            "reply.received"
        ) == 1
        assert "the-verify-token" not in installed.logs()


def of(heard: Receiver, event: str, *, times: int) -> list[Heard]:
    """The requests of that event, once there are as many."""

    def look() -> list[Heard]:
        found = [one for one in heard.heard if one.headers["X-Threadsworker-Event"] == event]
        return found if len(found) >= times else []

    found = eventually(look, timeout=60)
    assert len(found) == times
    return found


def is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False
