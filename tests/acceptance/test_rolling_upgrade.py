"""Old and new workers side by side: what an old one does not understand is neither lost nor run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import Celery

from tests.acceptance.installation import Installation, installation
from tests.services import PostgresServer, RedisServer, eventually
from threadsworker import Client, queue
from threadsworker.sandbox import Sandbox
from threadsworker.settings import load_settings

#: What a newer version might send: task, arguments beyond job and run, headers.
STRANGE: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "an unknown step": ("threadsworker.polish", [0], {}),
    "a newer meaning": (queue.UPLOAD, [], {queue.VERSION_HEADER: queue.VERSION + 1}),
    "an argument more": (queue.CREATE_CONTAINERS, [0, "shiny"], {}),
    "an argument less": (queue.CREATE_CONTAINERS, [], {}),
}


@dataclass
class Newer:
    """A newer installation's client and its messages, and the old worker that receives them."""

    installed: Installation
    client: Client
    celery: Celery
    database: str

    def sql(self, statement: str, *given: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            found = connection.execute(statement, given)
            return found.fetchall() if found.description else []

    def log(self) -> str:
        return (self.installed.home / "0-worker.log").read_text()


@pytest.fixture(scope="module")
def newer(
    redis: RedisServer,
    postgres: PostgresServer,
    sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Newer]:
    home: Path = tmp_path_factory.mktemp("home")
    with postgres.database() as database:
        settings = {"THREADSWORKER_BROKER_URL": redis.url, "THREADSWORKER_DATABASE_URL": database}
        with installation(home, sandbox, settings, processes=[]) as installed:
            with psycopg.connect(database) as connection:
                # What the newer version's migration added.
                connection.execute("ALTER TABLE threadsworker_job ADD COLUMN shine VARCHAR")
                connection.execute("CREATE TABLE hologram (id INTEGER)")
                connection.execute("UPDATE threadsworker_version SET version_num = '9999'")
            installed.start("worker", "-c", "1")
            prefix = "THREADSWORKER_"
            given = {
                name.removeprefix(prefix).lower(): value
                for name, value in installed.environment.items()
                if name.startswith(prefix)
            }
            # Its chains go where no worker listens, and the test sends what is to be received.
            given["broker_url"] = redis.url.removesuffix("/0") + "/1"
            celery = queue.make_app(redis.url)
            with Client(load_settings(**given)) as client:
                yield Newer(installed, client, celery, database)
            celery.close()


def test_messages_that_are_not_understood_go_back_to_the_rows(
    newer: Newer, sandbox: Sandbox
) -> None:
    jobs = []
    for text, (name, more, headers) in STRANGE.items():
        jobs.append(newer.client.enqueue(text).id)
        args = [jobs[-1], 1, *more]
        newer.celery.send_task(name, args=args, queue=queue.STEPS_QUEUE, headers=headers)
    # Then the old worker leaves them alone
    eventually(lambda: newer.log().count("left to a newer version") == len(STRANGE), timeout=60)
    soon = (
        "SELECT epoch, claims, overdue_at, wake_at < now() + interval '20 s' FROM threadsworker_job"
    )
    eventually(lambda: newer.sql(soon) == [(0, 0, None, True)] * len(STRANGE), timeout=60)
    # and they go on as soon as a duty has sent them again, long before a lease is over
    newer.installed.start("beat")
    for job in jobs:
        assert newer.client.wait(job, timeout=60).state == "published"
    texts = [post.text for post in sandbox.posts()]
    assert sorted(text for text in texts if text in STRANGE) == sorted(STRANGE)
    assert newer.installed.processes[0].poll() is None


def test_a_row_that_is_not_understood_waits_for_a_newer_worker(
    newer: Newer, sandbox: Sandbox
) -> None:
    job = newer.client.enqueue("from the future").id
    newer.sql(
        "UPDATE threadsworker_segment SET options = '{\"hologram\": true}' WHERE job_id = %s", job
    )
    queue.job_chain(newer.celery, job, 1, 0).apply_async()
    # Then the old worker parks it, and says so
    eventually(lambda: newer.client.get(job).state == "waiting", timeout=60)
    error = newer.client.get(job).error
    assert error is not None
    assert error.code == "newer_version"
    assert newer.sql("SELECT claims, tries FROM threadsworker_job WHERE id = %s", job) == [(0, 0)]
    # and a worker that understands it publishes it
    newer.sql("UPDATE threadsworker_segment SET options = '{}' WHERE job_id = %s", job)
    newer.sql("UPDATE threadsworker_job SET wake_at = now() WHERE id = %s", job)
    assert newer.client.wait(job, timeout=60).state == "published"
    assert [post.text for post in sandbox.posts()].count("from the future") == 1
