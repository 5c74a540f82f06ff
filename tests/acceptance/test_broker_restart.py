"""A worker outlives its broker: Redis goes away under load and comes back empty."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import monotonic

from tests.acceptance.installation import Installation, installation
from tests.services import eventually, redis_server
from threadsworker.sandbox import Sandbox

#: Seconds that Redis is away, each time.
OUTAGES = [0.3, 1.0, 3.0, 0.5, 6.0]


def begun(installed: Installation, job: str) -> bool:
    return bool(installed.json("show", job)["state"] != "queued")


def passed(moment: float) -> bool:
    return monotonic() > moment


def test_redis_restarts_under_load_and_nothing_is_lost_or_doubled(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with redis_server() as redis:
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_LEASE": "4",
            "THREADSWORKER_MAX_COUNTDOWN": "5",
        }
        with installation(tmp_path, sandbox, settings) as installed:
            worker = installed.processes[0]
            eventually(lambda: "ready" in installed.logs(), timeout=30)
            jobs = []
            for number, outage in enumerate(OUTAGES):
                text = "\n---\n".join(f"outage {number}, part {part}" for part in range(3))
                jobs.append(installed.json("post", text)["id"])
                # When Redis goes away while the chain is under way
                eventually(partial(begun, installed, jobs[-1]))
                redis.kill()
                gone = monotonic()
                eventually(partial(passed, gone + outage))
                redis.start()
                # Then the worker is still the same one
                assert worker.poll() is None, installed.logs()
            for job in jobs:
                installed.run("watch", job, "--timeout", "60")
            assert worker.poll() is None, installed.logs()
    texts = [post.text for post in sandbox.posts() if post.text.startswith("outage")]
    assert sorted(texts) == sorted(
        f"outage {number}, part {part}" for number in range(len(OUTAGES)) for part in range(3)
    )


def test_a_post_is_safe_while_the_broker_is_away(sandbox: Sandbox, tmp_path: Path) -> None:
    with redis_server() as redis:
        settings = {"THREADSWORKER_BROKER_URL": redis.url}
        with installation(tmp_path, sandbox, settings) as installed:
            redis.kill()
            started = monotonic()
            job = installed.json("post", "rung for later")
            assert monotonic() - started < 15
            redis.start()
            installed.run("watch", job["id"], "--timeout", "60")
    assert [post.text for post in sandbox.posts()].count("rung for later") == 1
