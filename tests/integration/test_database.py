"""Connections that the database refuses for a moment, or takes away in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from tests.services import PostgresServer, eventually
from threadsworker.store.database import make_engine

OPENERS, FILES = 4, 100


def test_some_that_open_a_new_file_at_once_all_get_in(tmp_path: Path) -> None:
    """SQLite refuses one of them now and then, although it would wait."""
    with ThreadPoolExecutor(OPENERS) as pool:
        for number in range(FILES):
            engines = [make_engine(f"sqlite:///{tmp_path / str(number)}") for _ in range(OPENERS)]
            assert set(pool.map(_journal_mode, engines)) == {"wal"}
            for engine in engines:
                engine.dispose()


@pytest.mark.parametrize("then", ["SELECT 2", None])
def test_a_transaction_that_idled_for_too_long_is_a_lost_connection(
    then: str | None, postgres: PostgresServer
) -> None:
    """A process was stopped in the middle, and goes on: what waits for a database waits for it."""
    with _short_of_patience(postgres) as engine:
        with pytest.raises(OperationalError) as lost:
            _idle(engine, then)
        assert lost.value.connection_invalidated
        with engine.begin() as another:
            assert another.scalar(text("SELECT 3")) == 3


def _idle(engine: Engine, then: str | None) -> None:
    """In a transaction until the server has ended it; then go on with it."""
    with engine.connect() as watcher, engine.begin() as transaction:
        backend = transaction.scalar(text("SELECT pg_backend_pid()"))
        eventually(lambda: not _is_there(watcher, backend))
        if then is not None:
            transaction.execute(text(then))


def _is_there(watcher: Connection, backend: int) -> bool:
    ask = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    found = watcher.scalar(ask, {"pid": backend})
    watcher.commit()
    return bool(found)


def _journal_mode(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())


@contextmanager
def _short_of_patience(postgres: PostgresServer) -> Iterator[Engine]:
    with postgres.database() as url:
        driver = url.replace("postgresql://", "postgresql+psycopg://", 1)
        engine = make_engine(driver, idle_limit=timedelta(seconds=0.2))
        try:
            yield engine
        finally:
            engine.dispose()
