"""Installations: on Redis and PostgreSQL, and the embedded default."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.installation import Installation, installation
from tests.services import PostgresServer, RedisServer
from threadsworker.sandbox import Sandbox, SandboxOptions


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Meta and GitHub, faster than life."""
    with Sandbox(
        options=SandboxOptions(
            speed=4.0, github_writes_per_minute=None, github_writes_per_hour=None
        )
    ) as sandbox:
        yield sandbox


@pytest.fixture(scope="module", params=["redis and postgresql", "embedded"])
def running(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A worker and a beat at work."""
    home = tmp_path_factory.mktemp("home")
    if request.param == "embedded":
        with installation(home, sandbox, {}, processes=[("up",)]) as installed:
            yield installed
        return
    redis: RedisServer = request.getfixturevalue("redis")
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with postgres.database() as database:
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_DATABASE_URL": database,
        }
        with installation(home, sandbox, settings) as installed:
            yield installed
