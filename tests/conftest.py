"""What every test gets: a clean environment, and real servers where they are asked for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.services import PostgresServer, RedisServer, missing, postgres_server, redis_server
from threadsworker.log import CHATTERING, TALKATIVE

#: For `make fuzz`; each example has as long as a busy machine needs.
settings.register_profile(
    "long", max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

_OURS = (
    "THREADSWORKER_",
    "DATABASE_URL",
    "REDIS_URL",
    "OTEL_",
    "PROMETHEUS_MULTIPROC_DIR",
)
_KEEP = "THREADSWORKER_TEST_DATABASE_URL"


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> None:
    """No setting of the machine's reaches a test."""
    for name in list(os.environ):
        if name.startswith(_OURS) and name != _KEEP:
            del os.environ[name]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that runs in this process sets up logging, which is a process's; not for others."""
    root = logging.getLogger()
    loggers = [
        root,
        *(logging.getLogger(name) for name in ("threadsworker", *TALKATIVE, *CHATTERING)),
    ]
    before, handlers = [(one, one.level) for one in loggers], root.handlers[:]
    yield
    for one, level in before:
        one.setLevel(level)
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)


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
