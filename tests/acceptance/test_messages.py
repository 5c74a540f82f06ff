"""What a worker does with messages that others have put into its broker."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis import Redis

from tests.acceptance.installation import Installation, installation
from tests.services import RedisServer, eventually, redis_server
from threadsworker import queue
from threadsworker.sandbox import Sandbox


class Intruder:
    """Somebody who may write into the broker."""

    def __init__(self, client: Redis, traces: Path) -> None:
        self._client = client
        self.traces = traces

    def send(self, body: bytes, content_type: str, *, encoding: str = "utf-8") -> None:
        """A message for the worker, of the form that kombu gives it."""
        name = str(uuid4())
        self.put(
            {
                "body": base64.b64encode(body).decode(),
                "content-type": content_type,
                "content-encoding": encoding,
                "headers": {"lang": "py", "task": queue.UPLOAD, "id": name, "root_id": name},
                "properties": {
                    "correlation_id": name,
                    "delivery_info": {"exchange": "", "routing_key": queue.STEPS_QUEUE},
                    "delivery_mode": 2,
                    "delivery_tag": name,
                    "body_encoding": "base64",
                    "priority": 0,
                },
            }
        )

    def put(self, message: dict[str, Any]) -> None:
        self._client.lpush(queue.STEPS_QUEUE, json.dumps(message))

    def take(self) -> dict[str, Any]:
        """The next message, taken away."""
        found: Any = eventually(lambda: self._client.rpop(queue.STEPS_QUEUE))
        message: dict[str, Any] = json.loads(found)
        return message

    def send_pickle(self) -> None:
        class Bomb:
            def __reduce__(self) -> Any:
                return Path.touch, (traces / "pickle",)

        traces = self.traces
        body = pickle.dumps(((Bomb(), 1), {}, {}))
        self.send(body, "application/x-python-serialize", encoding="binary")

    def send_yaml(self) -> None:
        body = f"!!python/object/apply:os.mkdir ['{self.traces / 'yaml'}']"
        self.send(body.encode(), "application/x-yaml")

    def marks(self) -> list[str]:
        """What ran of that."""
        return [path.name for path in self.traces.iterdir()]


@contextmanager
def intruded(
    sandbox: Sandbox, tmp_path: Path, **settings: str
) -> Iterator[tuple[Installation, Intruder, RedisServer]]:
    traces = tmp_path / "traces"
    traces.mkdir()
    with redis_server() as redis, redis.client() as client:
        given = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_LEASE": "4",
            "THREADSWORKER_MAX_COUNTDOWN": "5",
            **settings,
        }
        with installation(tmp_path / "home", sandbox, given, processes=[]) as installed:
            yield installed, Intruder(client, traces), redis


def refusals(installed: Installation, words: str) -> int:
    logs = sorted(installed.home.glob("*.log"))
    return sum(log.read_text().count(words) for log in logs)


def texts(sandbox: Sandbox, text: str) -> int:
    return sum(post.text == text for post in sandbox.posts())


def test_json_is_read_and_nothing_else(sandbox: Sandbox, tmp_path: Path) -> None:
    with intruded(sandbox, tmp_path) as (installed, intruder, _):
        worker = installed.start("worker")
        installed.start("beat")
        installed.publish("before the intruder")
        intruder.send_pickle()
        intruder.send_yaml()
        refused = "Refusing to deserialize untrusted content of type"
        for kind in ("pickle", "yaml"):
            eventually(partial(refusals, installed, f"{refused} {kind}"), timeout=60)
        # It lives, and goes on.
        installed.publish("after the intruder")
        assert worker.poll() is None
        assert intruder.marks() == []


def test_a_signed_message_is_obeyed_and_no_other(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = {"THREADSWORKER_SIGN_MESSAGES": "true"}
    with intruded(sandbox, tmp_path, **settings) as (installed, intruder, _):
        with installed.client() as client:
            stolen_from = client.enqueue("whose message is altered")
            altered = intruder.take()
            client.enqueue("whose message is sent again")
            again = intruder.take()
            signed = base64.b64decode(altered["body"]).replace(b", 1]", b", 2]", 1)
            intruder.put({**altered, "body": base64.b64encode(signed).decode()})
            intruder.put(again)
            other = {**again["headers"], "task": queue.CLEANUP}
            intruder.put({**again, "headers": other})
            unheard = {**again["headers"], "task": "threadsworker.unheard_of"}
            intruder.put({**again, "headers": unheard})
            intruder.send(json.dumps([["x", 1], {}, {}]).encode(), "application/json")
            intruder.send_pickle()
            worker = installed.start("worker")
            installed.start("beat")
            for words in (
                "not signed with a key of this installation",
                "signed for another task than it names",
                "untrusted content of type json",
                "untrusted content of type pickle",
            ):
                eventually(partial(refusals, installed, words), timeout=60)
            eventually(partial(refusals, installed, "threadsworker.unheard_of"), timeout=60)
            assert not refusals(installed, "left to a newer version")
            # The row makes up for the message that was lost.
            assert client.wait(stolen_from.id, timeout=90).state == "published"
            eventually(lambda: texts(sandbox, "whose message is sent again"), timeout=60)
        # A message that comes again finds its work done.
        intruder.put(again)
        intruder.put(again)
        # A new key does not make anybody deaf.
        installed.run("keys", "rotate")
        installed.publish("after the change of keys")
        assert texts(sandbox, "whose message is altered") == 1
        assert texts(sandbox, "whose message is sent again") == 1
        assert intruder.marks() == []
        assert worker.poll() is None
        # The home was made by somebody else, and what is made in it is its owner's all the same.
        assert refusals(installed, f"chmod 700 {installed.home}")
        assert open_to_others(installed.home) == []


def open_to_others(home: Path) -> list[str]:
    """What of a home others than its owner may read; without the logs of this test's own."""
    return [
        str(path)
        for path in home.rglob("*")
        if path.suffix != ".log" and path.exists() and path.stat().st_mode & 0o077
    ]


def test_without_the_key_of_the_others_nobody_starts(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = {
        "THREADSWORKER_SIGN_MESSAGES": "true",
        "THREADSWORKER_BROKER_URL": "redis://redis.example:6379/0",
    }
    installed = Installation(tmp_path, sandbox, settings)
    said = installed.run("worker", expect=1).stderr
    assert "SIGN_MESSAGES with a broker on another machine needs SECRET_KEY" in said
