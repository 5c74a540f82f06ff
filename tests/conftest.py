"""What every test gets: a clean environment, and real servers where they are asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.services import PostgresServer, RedisServer, missing, postgres_server, redis_server

_OURS = ("THREADSWORKER_", "DATABASE_URL", "REDIS_URL")
_KEEP = "THREADSWORKER_TEST_DATABASE_URL"


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> None:
    """No setting of the machine's reaches a test."""
    for name in list(os.environ):
        if name.startswith(_OURS) and name != _KEEP:
            del os.environ[name]


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with postgres_server(tmp_path_factory.mktemp("pg")) as server:
        if server is None:
            missing(
                "no PostgreSQL: set THREADSWORKER_TEST_DATABASE_URL, start a local server, or "
                "install its programs"
            )
        assert server is not None
        yield server
