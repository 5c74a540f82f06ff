"""A worker outlives its broker: Redis goes away under load and comes back empty."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic

from tests.acceptance.installation import Installation, installation
from tests.services import PostgresServer, eventually, redis_server
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


def test_a_worker_that_could_not_acknowledge_listens_again(
    sandbox: Sandbox, postgres: PostgresServer, tmp_path: Path
) -> None:
    # Not SQLite: a process that is stopped while it tells that it is there would hold its lock.
    with redis_server() as redis, postgres.database() as database:
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_DATABASE_URL": database,
            "THREADSWORKER_LEASE": "4",
        }
        alone = [("worker", "-c", "1")]
        with installation(tmp_path, sandbox, settings, processes=alone) as installed:
            installed.publish("while all is well")
            # When Redis goes away between a message and its acknowledgement
            child = only_child(installed)
            os.kill(child, signal.SIGSTOP)
            interrupted = installed.json("post", "interrupted")["id"]
            with redis.client() as client:
                eventually(lambda: client.hlen("unacked") == 1, timeout=60)
            redis.kill()
            os.kill(child, signal.SIGCONT)
            # Then the worker minds
            log = tmp_path / "0-worker.log"
            eventually(lambda: "Connection to broker lost" in log.read_text(), timeout=60)
            # and takes what is sent when Redis is back
            redis.start()
            installed.publish("afterwards", timeout=60)
            assert installed.processes[0].poll() is None, installed.logs()
            installed.start("beat")
            installed.run("watch", interrupted, "--timeout", "60")
    texts = [post.text for post in sandbox.posts()]
    for text in ("while all is well", "interrupted", "afterwards"):
        assert texts.count(text) == 1, text


def only_child(installed: Installation) -> int:
    """The process in which the worker of the installation runs its tasks."""
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            ours = str(installed.home) in (entry / "environ").read_text(errors="replace")
            if ours and b"celery" in (entry / "cmdline").read_bytes().split(b"\0"):
                children = (entry / "task" / entry.name / "children").read_text().split()
                if children:
                    [child] = children
                    return int(child)
    raise AssertionError("there is no worker")
