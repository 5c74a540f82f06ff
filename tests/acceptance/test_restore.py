"""
A backup is restored with real programs, and what it has forgotten is not posted again.

The same for SQLite, in virtual time and at every moment, is in tests/reliability/test_restored.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.acceptance.installation import installation
from tests.services import PostgresServer, RedisServer, eventually, missing
from threadsworker import Client
from threadsworker.report import Job
from threadsworker.sandbox import Sandbox

THREAD = "First.\n---\nSecond.\n---\nThird."
TEXTS = ["First.", "Second.", "Third."]


def program(name: str) -> str:
    """A program of PostgreSQL's."""
    places = [str(one.parent) for one in Path("/usr/lib/postgresql").glob("*/bin/psql")]
    found = shutil.which(name, path=os.pathsep.join([*sorted(places, reverse=True), os.defpath]))
    if found is None:
        missing(f"{name} is not installed")
    assert found is not None
    return found


def is_in(client: Client, job_id: str, *states: str) -> Job | None:
    job = client.get(job_id)
    return job if job.state in states else None


def test_a_dump_of_postgresql_is_restored(
    sandbox: Sandbox, redis: RedisServer, postgres: PostgresServer, tmp_path: Path
) -> None:
    dump = tmp_path / "dump"
    dumped_at: list[datetime] = []
    with postgres.database() as database, postgres.database() as restored:
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_LEASE": "4",
            "THREADSWORKER_QUIET_PERIOD": "2",
        }

        def make_dump(_: object) -> None:
            dumped_at.append(datetime.now(UTC))
            command = [program("pg_dump"), "--format=custom", f"--file={dump}", database]
            subprocess.run(command, check=True)

        # The first publish has been sent and not been answered.
        match = {"method": "POST", "path_regex": "/threads_publish$"}
        sandbox.plan_fault({"match": match}, on_hit=make_dump)
        before = {**settings, "THREADSWORKER_DATABASE_URL": database}
        with (
            installation(tmp_path / "home", sandbox, before) as installed,
            installed.client() as client,
        ):
            job_id = client.enqueue(THREAD).id
            eventually(partial(is_in, client, job_id, "published"), timeout=120, every=0.5)
        assert [post.text for post in sandbox.posts()] == TEXTS

        command = [program("pg_restore"), "--no-owner", f"--dbname={restored}", str(dump)]
        subprocess.run(command, check=True)
        after = {**settings, "THREADSWORKER_DATABASE_URL": restored}
        with (
            installation(tmp_path / "home", sandbox, after, processes=[]) as installed,
            installed.client() as client,
        ):
            told = installed.json("db", "restored", "--backup-from", dumped_at[0].isoformat())
            assert told["generation"] == 2
            assert [one["segment"] for one in told["suspects"]] == [0, 1, 2]
            assert [bool(one["container_id"]) for one in told["suspects"]] == [True, False, False]
            for name in ("worker", "beat"):
                installed.start(name)
            ends = ("needs_review", "published")
            for index in (1, 2):
                # The first was found by its container; of the others only a person can tell.
                job = eventually(partial(is_in, client, job_id, *ends), timeout=120, every=0.5)
                assert job is not None
                assert (job.state, job.reason) == ("needs_review", "found_after_restore")
                assert job.segments[index - 1].media_id is not None
                assert job.error is not None
                assert "--published" in job.error.advice
                live = {post.text: post.id for post in sandbox.posts()}
                client.resolve(job_id, published=live[TEXTS[index]])
            eventually(partial(is_in, client, job_id, "published"), timeout=120, every=0.5)
            said = installed.run("check", "--only", "database", "--only", "this-worker").stdout
            assert "this-worker: OK" in said
    assert [post.text for post in sandbox.posts()] == TEXTS
