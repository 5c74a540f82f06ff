"""
The way into the database: engines, transactions, and its clock.

Store functions take a `Session` and never commit; whoever opens the transaction does.
Only the database's clock is compared with times in rows, since workers' clocks differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlmodel import Session

from threadsworker.errors import InvalidSettings

#: Milliseconds that a writer of SQLite waits for another.
SQLITE_BUSY_TIMEOUT = 30_000


def make_engine(url: str) -> Engine:
    """
    An engine for SQLite or PostgreSQL.

    SQLite runs in WAL mode and begins writing transactions with ``BEGIN IMMEDIATE``: a
    transaction that reads and then writes would else fail when another wrote between.

    Raises
    ------
    InvalidSettings:
        The URL is none, or needs a driver that is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(url, parsed.database)
        if parsed.get_backend_name() != "postgresql":
            raise InvalidSettings(
                f"DATABASE_URL: {parsed.get_backend_name()} is not supported; "
                "use SQLite or PostgreSQL"
            )
        return create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise InvalidSettings(
            f"DATABASE_URL needs the module {error.name}: pip install 'threadsworker[postgres]'"
        ) from None


def _sqlite(url: str, path: str | None) -> Engine:
    if path and path != ":memory:":
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver's own idea of when a transaction begins is switched off.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A transaction that commits at the end of the block, and rolls back on an exception."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A transaction that only reads: on SQLite it does not wait for a writer."""
    with transaction(engine.execution_options(reading=True)) as session:
        yield session


def clock(session: Session) -> datetime:
    """The database's time, aware, in UTC."""
    if session.get_bind().dialect.name == "sqlite":
        written = session.execute(text("SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')"))
        return datetime.fromisoformat(written.scalar_one())
    now: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now.astimezone(UTC)
