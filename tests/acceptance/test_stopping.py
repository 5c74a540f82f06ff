"""A worker is asked to stop in the middle of everything: nothing is lost, doubled or waited for."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from time import monotonic

import pytest

from tests.acceptance.installation import Installation, installation
from tests.services import PostgresServer, RedisServer, eventually
from threadsworker import Client
from threadsworker.report import Job
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.sandbox.request import Request

logger = logging.getLogger(__name__)

#: Seconds, less than the lease, which nobody shall wait for.
GRACE = 10.0
SOON = 90.0
LEASE = "180"
#: Each is held up there until the test lets it go.
PLACES = {
    "upload": {"service": "github", "method": "POST", "path_regex": "/git/trees$"},
    "create": {"service": "threads", "method": "POST", "path_regex": "/threads$"},
    "poll": {"service": "threads", "method": "GET", "path_regex": r"/v1.0/\d+$"},
    "publish": {"service": "threads", "method": "POST", "path_regex": "/threads_publish$"},
    "long publish": {"service": "threads", "method": "POST", "path_regex": "/threads_publish$"},
}


PICTURE = files("threadsworker.sandbox").joinpath("assets", "sunrise.jpg")
WORKER = ("worker", "--concurrency", str(len(PLACES)))


@dataclass
class Held:
    """Requests that have taken effect, and whose answers wait."""

    sandbox: Sandbox
    go_on: dict[str, threading.Event] = field(default_factory=dict)

    def next(self, place: str) -> threading.Event:
        """Hold up the next request to `place`; set when it is there."""
        there, self.go_on[place] = threading.Event(), threading.Event()
        release = self.go_on[place]

        def wait(_: Request) -> None:
            there.set()
            release.wait(120)

        self.sandbox.plan_fault({"match": PLACES[place]}, on_hit=wait)
        return there


@contextmanager
def held(sandbox: Sandbox) -> Iterator[Held]:
    requests = Held(sandbox)
    try:
        yield requests
    finally:
        for release in requests.go_on.values():
            release.set()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    options = SandboxOptions(
        text_seconds=0.2,
        image_seconds=0.2,
        carousel_seconds=0.2,
        github_writes_per_minute=None,
        github_writes_per_hour=None,
    )
    with Sandbox(options=options) as sandbox:
        yield sandbox


@pytest.fixture
def installed(
    redis: RedisServer, postgres: PostgresServer, sandbox: Sandbox, tmp_path: Path
) -> Iterator[Installation]:
    with postgres.database() as database:
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_DATABASE_URL": database,
            "THREADSWORKER_SHUTDOWN_GRACE": str(GRACE),
            "THREADSWORKER_LEASE": LEASE,
            "THREADSWORKER_ACCOUNT_CONCURRENCY": "50",
            "THREADSWORKER_DISPATCH_EVERY": "5",
        }
        with installation(tmp_path, sandbox, settings, processes=[WORKER, ("beat",)]) as installed:
            yield installed


def test_sigterm_in_the_middle_of_everything(
    installed: Installation, redis: RedisServer, sandbox: Sandbox, tmp_path: Path
) -> None:
    with installed.client() as client, held(sandbox) as requests:
        # Given a job whose message waits for its second, one at every place of a chain, and ten
        # more for which no process is free
        jobs = [client.enqueue("at its time", at=timedelta(seconds=45))]
        eventually(partial(is_prepared, client, jobs[0]), timeout=40)
        for place in PLACES:
            there = requests.next(place)
            jobs.append(
                client.enqueue(f"{place}\n---\nafter {place}", media=media(place, tmp_path))
            )
            assert there.wait(60), installed.logs()
        jobs += [client.enqueue(f"one of ten, {number}") for number in range(10)]
        with redis.client() as connection:
            eventually(lambda: connection.hlen("unacked") > len(PLACES), timeout=60)

        # When the worker is asked to stop, and all but one answer come in time
        worker = installed.processes[0]
        asked = monotonic()
        os.killpg(worker.pid, signal.SIGTERM)
        eventually(lambda: "Warm shutdown" in log(installed))
        for place in PLACES:
            if place != "long publish":
                requests.go_on[place].set()
        code = worker.wait(60)
        stopped = monotonic()

        # Then it ends in time, what was answered is written down, and nobody is waited for
        assert code == 0, installed.logs()
        assert stopped - asked < GRACE + 15
        installed.start(*WORKER)
        progress = until_done(installed, client, jobs)
        slowest = max(seconds for job, seconds in progress.items() if job != jobs[0].id)
        assert slowest < SOON, progress
        logger.info("stopped after %.1f s; done after: %s", stopped - asked, progress)

    texts = [post.text for post in sandbox.posts()]
    expected = ["at its time", *(f"one of ten, {number}" for number in range(10))]
    expected += [text for place in PLACES for text in (place, f"after {place}")]
    assert sorted(texts) == sorted(expected)


@pytest.mark.parametrize(
    ("processes", "number"),
    [([("up",)], signal.SIGTERM), ([("worker",), ("beat",)], signal.SIGQUIT)],
    ids=["up", "cold"],
)
def test_a_publish_without_an_answer_is_left_and_found_again_within_seconds(
    processes: list[tuple[str]], number: signal.Signals, sandbox: Sandbox, tmp_path: Path
) -> None:
    settings = {"THREADSWORKER_SHUTDOWN_GRACE": "2", "THREADSWORKER_LEASE": LEASE}
    with (
        installation(tmp_path, sandbox, settings, processes=processes) as installed,
        installed.client() as client,
        held(sandbox) as requests,
    ):
        there = requests.next("publish")
        job = client.enqueue("on its way")
        assert there.wait(60), installed.logs()
        asked = monotonic()
        installed.processes[0].send_signal(number)
        installed.processes[0].wait(60)
        assert monotonic() - asked < SOON, installed.logs()
        installed.start("up")
        progress = until_done(installed, client, [job])
        logger.info("%s: done after %s", number.name, progress)
    assert progress[job.id] < SOON
    assert [post.text for post in sandbox.posts()] == ["on its way"]


def media(place: str, directory: Path) -> list[Path]:
    """A local picture where there is something to upload."""
    if place != "upload":
        return []
    path = directory / "sunrise.jpg"
    path.write_bytes(PICTURE.read_bytes())
    return [path]


def is_prepared(client: Client, job: Job) -> bool:
    """Whether only its time is waited for, with a message that the worker holds."""
    return client.get(job.id).state == "scheduled" and bool(
        client.get(job.id).segments[0].container_id
    )


def log(installed: Installation) -> str:
    return (installed.home / "0-worker.log").read_text()


def until_done(installed: Installation, client: Client, jobs: list[Job]) -> dict[str, float]:
    """Seconds from now until each job is published."""
    began, done = monotonic(), dict[str, float]()

    def all_done() -> bool:
        for job in jobs:
            if job.id not in done and client.get(job.id).state == "published":
                done[job.id] = round(monotonic() - began, 1)
        return len(done) == len(jobs)

    eventually(all_done, timeout=120, every=0.2)
    return done
