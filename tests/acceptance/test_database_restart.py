"""The database is away while workers and clients are at work: nothing is lost or doubled."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic

from tests.acceptance.installation import installation
from tests.reliability.soak_servers import postgres_cluster
from tests.services import RedisServer, eventually, missing, postgres_programs
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.sandbox.request import Request

#: Seconds that the database is away.
OUTAGE = 10.0


def passed(moment: float) -> bool:
    return monotonic() > moment


def test_postgresql_is_away_for_a_while_in_the_middle_of_a_publish(
    redis: RedisServer, tmp_path: Path
) -> None:
    if postgres_programs() is None:
        missing("no programs of PostgreSQL's to make a cluster with")
    there, go_on = threading.Event(), threading.Event()

    def hold(_: Request) -> None:
        there.set()
        go_on.wait(120)

    home = tmp_path / "home"
    with (
        Sandbox(options=SandboxOptions(text_seconds=0.2)) as sandbox,
        postgres_cluster(tmp_path / "cluster" / "data") as database,
    ):
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_DATABASE_URL": database.url,
            # Else a lease would help, and nobody would see.
            "THREADSWORKER_LEASE": "180",
        }
        with installation(home, sandbox, settings) as installed, installed.client() as client:
            # Given a publish that is under way, a job that waits, and a database that is gone
            match = {"service": "threads", "path_regex": "/threads_publish$"}
            sandbox.plan_fault({"match": match}, on_hit=hold)
            jobs = [client.enqueue("under way\n---\nand on").id]
            assert there.wait(60), installed.logs()
            jobs.append(client.enqueue("waits", at=timedelta(seconds=15)).id)
            database.kill()
            gone = monotonic()
            # When Meta answers meanwhile, and somebody wants to post
            go_on.set()
            refused = installed.run("post", "too early", expect=1)
            assert "The database does not answer" in refused.stderr
            assert "Traceback" not in refused.stderr
            eventually(partial(passed, gone + OUTAGE), timeout=2 * OUTAGE)
            database.start()
            # Then the same processes go on, and so does the same client
            jobs.append(client.enqueue("afterwards").id)
            for job in jobs:
                assert client.wait(job, timeout=120).state == "published"
            assert [process.poll() for process in installed.processes] == [None, None]
        texts = [post.text for post in sandbox.posts()]
    assert sorted(texts) == ["afterwards", "and on", "under way", "waits"]
