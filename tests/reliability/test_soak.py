"""The soak in small, for every run of the tests; `make soak JOBS=500` runs it in earnest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import Installation, installation
from tests.reliability.soak_posts import GITHUB_TOKEN, Order, owners, plain_orders
from tests.reliability.soak_processes import ROOT
from tests.services import PostgresServer, eventually, redis_server
from threadsworker import Client
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.settings import load_settings

#: Jobs and seed of the small soak, processes of each of its workers, and the seconds that it
#: may take.
JOBS, SEED, PROCESSES, TIMEOUT = os.environ.get("SOAK_JOBS", "500"), "20261125", "5", 900
#: Jobs that are under way when Redis forgets everything.
FLUSHED = 200
PEOPLE = owners(0)


def test_nothing_is_lost_or_doubled_in_chaos(tmp_path: Path) -> None:
    found = soak("--jobs", JOBS, "--seed", SEED, "--processes", PROCESSES, directory=tmp_path)
    assert found["chaos"]["worker killed"] + found["chaos"]["one process of a worker killed"] > 0
    assert set(found["violations"].values()) == {0}, found["sentences"]
    assert found["exit code"] == 0


def soak(*arguments: str, directory: Path) -> dict[str, Any]:
    """The report of a soak in a process of its own."""
    report = directory / "soak.json"
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.soak", *arguments, "--json", str(report)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = running.communicate(timeout=TIMEOUT)
    finally:
        # Asked, not killed, it takes its processes with it.
        running.send_signal(signal.SIGTERM)
        running.wait(60)
    assert report.exists(), output
    found: dict[str, Any] = json.loads(report.read_text())
    return {**found, "exit code": running.returncode}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    accounts = {one.token: one.profile for one in PEOPLE}
    with Sandbox(options=SandboxOptions(accounts=accounts, speed=20.0)) as sandbox:
        yield sandbox


def test_a_flushed_redis_loses_and_doubles_nothing(
    sandbox: Sandbox, postgres: PostgresServer, tmp_path: Path
) -> None:
    with redis_server() as redis, postgres.database() as database:
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_DATABASE_URL": database,
            "THREADSWORKER_LEASE": "10",
            # All of them are at work.
            "THREADSWORKER_ACCOUNT_CONCURRENCY": str(FLUSHED),
        }
        three = [("worker",), ("worker",), ("beat",)]
        with installation(tmp_path / "home", sandbox, settings, processes=three) as installed:
            client = client_of(installed)
            wanted = plain_orders(FLUSHED, seed=0, owners=PEOPLE)
            for order in wanted:
                client.enqueue(order.post(""), account=order.owner.name, key=order.key)
            eventually(lambda: len(client.jobs(state="published")) > FLUSHED // 10, timeout=60)
            assert len(client.jobs(state="published")) < FLUSHED
            # When Redis forgets everything
            with redis.client() as connection:
                connection.flushall()
            # Then every job goes on
            eventually(lambda: len(client.jobs(state="published")) == FLUSHED, timeout=300)
            client._ready().dispose()
    assert_as_wanted(sandbox, wanted)


def client_of(installed: Installation) -> Client:
    """A client of the installation, to which all the accounts were added."""
    ours = installed.environment.items()
    given = {name.removeprefix("THREADSWORKER_").lower(): value for name, value in ours}
    client = Client(load_settings(**given))
    for one in PEOPLE:
        client.add_account(
            one.name,
            user_id=one.user_id,
            access_token=one.token,
            github_repo=one.repo,
            github_token=GITHUB_TOKEN,
        )
    return client


def assert_as_wanted(sandbox: Sandbox, wanted: list[Order]) -> None:
    """Every segment once, each under the one before."""
    posts = sandbox.posts()
    assert Counter(post.text for post in posts) == Counter(
        text for order in wanted for text in order.texts
    )
    by_text = {post.text: post for post in posts}
    for order in wanted:
        thread = [by_text[text] for text in order.texts]
        assert [post.parent_id for post in thread] == [None, *(post.id for post in thread[:-1])]
