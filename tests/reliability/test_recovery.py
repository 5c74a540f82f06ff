"""A worker is killed, and others go on within seconds: with the settings as they come."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest

from tests.acceptance.installation import USER_ID, Installation, installation
from tests.services import PostgresServer, RedisServer, eventually
from threadsworker.broker import is_running
from threadsworker.sandbox import Sandbox, SandboxOptions

JOBS = 20
#: Seconds, for 95 of 100 jobs.
SOON = 30.0


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Meta takes its time, so that every job is waiting when the worker dies."""
    with Sandbox(options=SandboxOptions(text_seconds=10_000)) as sandbox:
        yield sandbox


@pytest.fixture
def installed(
    redis: RedisServer, postgres: PostgresServer, sandbox: Sandbox, tmp_path: Path
) -> Iterator[Installation]:
    with postgres.database() as database:
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_DATABASE_URL": database,
            "THREADSWORKER_DISPATCH_EVERY": "5",
        }
        with installation(tmp_path, sandbox, settings) as installed:
            yield installed


def rows(installed: Installation, what: str) -> dict[str, Any]:
    with psycopg.connect(installed.settings["THREADSWORKER_DATABASE_URL"]) as connection:
        found = connection.execute(f"SELECT id, {what} FROM threadsworker_job").fetchall()
    return dict(found)


#: Grows when a worker takes a job up: by a claim in a new run, or by a look in the one that was, if
#: its message outlived the worker.
TAKEN_UP = (
    "CASE WHEN run > 1 THEN 1e12 * (epoch - 2) ELSE coalesce(extract(epoch FROM overdue_at), 0) END"
)


def test_after_kill_9_every_job_is_taken_up_again_within_seconds(installed: Installation) -> None:
    # Given jobs that a worker waits with: it holds the messages, and nothing else knows of them
    with installed.client() as client:
        for number in range(JOBS):
            # As many of each account as may be at work.
            name = f"account-{number // client.settings.account_concurrency}"
            client.add_account(name, user_id=USER_ID, access_token=f"sandbox-{name}")
            client.enqueue(f"patience {number}", account=name)
    eventually(lambda: set(rows(installed, "state").values()) == {"waiting"}, timeout=60)

    # When it is killed, with its children
    worker = installed.processes[0]
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait(10)
    killed, claimed = monotonic(), rows(installed, TAKEN_UP)
    installed.start("worker")

    # Then another worker takes every one of them up within seconds
    recovered: dict[str, float] = {}

    def all_recovered() -> bool:
        for job_id, taken in rows(installed, TAKEN_UP).items():
            if taken > claimed[job_id]:
                recovered.setdefault(job_id, monotonic() - killed)
        return len(recovered) == JOBS

    eventually(all_recovered, timeout=120)
    times = sorted(recovered.values())
    assert times[int(0.95 * JOBS) - 1] < SOON, times


def test_after_everything_was_killed_a_thread_goes_on_within_seconds(tmp_path: Path) -> None:
    """Worker, beat and the broker with its messages: what a machine that is switched off loses."""
    quick = SandboxOptions(text_seconds=0.5)
    settings = {"THREADSWORKER_DISPATCH_EVERY": "5"}
    with (
        Sandbox(options=quick) as sandbox,
        installation(tmp_path, sandbox, settings, processes=[("up",)]) as installed,
        installed.client() as client,
    ):
        job = client.enqueue("\n---\n".join(f"part {number}" for number in range(8)))
        eventually(lambda: len(client.get(job.id).media_ids) >= 2, timeout=60)
        os.killpg(installed.processes[0].pid, signal.SIGKILL)
        eventually(lambda: not is_running(tmp_path), timeout=30)
        assert client.get(job.id).state != "published"
        killed = monotonic()
        installed.start("up")
        assert client.wait(job.id, timeout=150).state == "published"
        assert monotonic() - killed < SOON
        assert [post.text for post in sandbox.posts()] == [f"part {n}" for n in range(8)]
