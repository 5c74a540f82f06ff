"""Databases for the store's tests: the same tests run on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.integration.notice_office import Office
from tests.services import PostgresServer
from threadsworker.settings import load_settings
from threadsworker.store import schema
from threadsworker.store.database import make_engine


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with our schema."""
    engine = make_engine(database_url)
    schema.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def notice_office(engine: Engine, database_url: str, tmp_path: Path) -> Iterator[Office]:
    settings = load_settings(
        home=tmp_path, database_url=database_url, threads_api_url="http://127.0.0.1:9"
    )
    office = Office(settings)
    yield office
    office.close()
