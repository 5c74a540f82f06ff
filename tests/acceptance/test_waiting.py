"""Scheduled and waiting posts with real workers and two beats, and what lies in the broker."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.installation import USER_ID, Installation, installation
from tests.services import RedisServer, eventually, redis_server
from threadsworker.sandbox import Sandbox

SHORT = {
    "THREADSWORKER_LEASE": "4",
    "THREADSWORKER_DISPATCH_EVERY": "1",
    "THREADSWORKER_MAX_COUNTDOWN": "5",
    "THREADSWORKER_PREPARE_AHEAD": "15",
}
MAX_COUNTDOWN = timedelta(seconds=5)
PROCESSES = (("worker", "-c", "4"), ("beat",), ("beat",))


class Countdowns:
    """The longest countdown of all messages that are seen in the broker."""

    def __init__(self, redis: RedisServer) -> None:
        self._client = redis.client()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.longest = timedelta(0)
        self.seen = 0

    def __enter__(self) -> Countdowns:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        self._client.close()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            held: list[bytes] = self._client.hvals("unacked")  # type: ignore[assignment]
            for found in held:
                message = json.loads(found)[0]
                eta = message["headers"].get("eta")
                if eta is None:
                    continue
                self.seen += 1
                self.longest = max(self.longest, datetime.fromisoformat(eta) - datetime.now(UTC))


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="module")
def installed(
    tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox, redis: RedisServer
) -> Iterator[Installation]:
    settings = {**SHORT, "THREADSWORKER_BROKER_URL": redis.url}
    with installation(
        tmp_path_factory.mktemp("home"), sandbox, settings, processes=PROCESSES
    ) as running:
        yield running


def test_scheduled_posts_go_out_on_the_second_and_no_message_waits_long(
    installed: Installation, redis: RedisServer, sandbox: Sandbox
) -> None:
    sandbox.set_options(text_seconds=3.0)
    client = installed.client()
    with Countdowns(redis) as countdowns:
        now = datetime.now(UTC).replace(microsecond=0)
        due = {f"in {n} seconds": now + timedelta(seconds=n) for n in (8, 12, 20)}
        jobs = [client.enqueue(text, at=at) for text, at in due.items()]
        for job in jobs:
            assert client.wait(job.id, timeout=150).state == "published"
        assert countdowns.seen > 0
        assert countdowns.longest <= MAX_COUNTDOWN + timedelta(seconds=0.1)
    moments = {post.text: post.published_at for post in sandbox.posts()}
    assert all(moments[text] >= at.timestamp() for text, at in due.items())


def test_the_publish_leaves_within_the_second(installed: Installation, sandbox: Sandbox) -> None:
    client = installed.client()
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=14)
    job = client.enqueue("on the second", at=due)
    assert client.wait(job.id, timeout=60).state == "published"
    (post,) = [one for one in sandbox.posts() if one.text == "on the second"]
    assert 0 <= post.published_at - due.timestamp() < 2


def test_quota_and_account_commands_answer(installed: Installation) -> None:
    posted = installed.publish("one post")
    assert posted["state"] == "published"
    (figures,) = installed.json("quota")
    by_kind = {one["kind"]: one for one in figures["quotas"]}
    assert by_kind["post"]["used"] >= 1
    assert by_kind["post"]["free"] == by_kind["post"]["total"] - by_kind["post"]["used"]
    assert by_kind["post"]["opens_at"] is None
    assert "main" in installed.run("quota").stdout
    assert installed.json("account", "pause", "main")["paused_at"] is not None
    installed.run("account", "pause", "main", expect=5)
    waiting = installed.json("post", "waits for the end of the pause")
    eventually(lambda: installed.json("show", waiting["id"])["reason"] == "paused", timeout=30)
    assert installed.json("account", "resume", "main")["paused_at"] is None
    installed.client().wait(waiting["id"], timeout=60)

    def looked_after() -> bool:
        """Beat has had a worker ask Meta about the token."""
        return installed.json("account", "show", "main")["token_checked_at"] is not None

    eventually(looked_after, timeout=40, every=0.5)
    assert installed.json("account", "refresh", "main")["token_expires_at"] is not None
    shown = installed.json("account", "show", "main")
    assert (shown["user_id"], shown["health"]) == (USER_ID, "good")
    assert "threads_content_publish" in shown["scopes"]
    installed.run("account", "resume", "main", expect=5)
    installed.run("account", "pause", "nobody", expect=4)
    assert "dispatch: OK" in installed.run("check").stdout
