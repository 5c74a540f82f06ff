"""
The way into the database: engines, transactions, and its clock.

Store functions take a `Session` and never commit; whoever opens the transaction does.
Only the database's clock is compared with times in rows, since workers' clocks differ.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    create_engine,
    event,
    literal_column,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import ArgumentError, DisconnectionError, InternalError, OperationalError
from sqlmodel import Session
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from threadsworker.errors import InvalidSettings

#: Milliseconds that a writer of SQLite waits for another.
SQLITE_BUSY_TIMEOUT = 30_000


def _parsed(url: str) -> URL:
    """The URL is not repeated in the error: it may hold a password."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidSettings(
            "DATABASE_URL must be a URL, such as postgresql://user:password@host:5432/name; "
            "an @, : or / in a password is written %40, %3A or %2F"
        ) from None


def make_engine(
    url: str,
    *,
    now: Callable[[], datetime] | None = None,
    idle_limit: timedelta | None = None,
    trusted_for: timedelta = timedelta(0),
) -> Engine:
    """
    An engine for SQLite or PostgreSQL.

    SQLite runs in WAL mode and begins writing transactions with ``BEGIN IMMEDIATE``: a
    transaction that reads and then writes would else fail when another wrote between.

    Parameters
    ----------
    now:
        What `clock` tells, as an aware datetime; None: the database's own time.
    idle_limit:
        PostgreSQL ends a transaction that nothing was heard of for so long: a process that
        was stopped in the middle of one would keep its rows locked for ever.
    trusted_for:
        For so long after its last use a connection to PostgreSQL is used again without asking
        first whether it is still there. For those who cope with a statement that is lost.

    Raises
    ------
    InvalidSettings:
        The URL is none, or needs a driver that is not installed.
    """
    try:
        parsed = _parsed(url)
        backend = parsed.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise InvalidSettings(
                f"DATABASE_URL: {backend} is not supported; use SQLite or PostgreSQL"
            )
        engine = (
            _sqlite(url, parsed.database)
            if backend == "sqlite"
            else _postgresql(url, idle_limit, trusted_for)
        )
        return engine if now is None else engine.execution_options(now=now)
    except ModuleNotFoundError as error:
        raise InvalidSettings(
            f"DATABASE_URL needs the module {error.name}: pip install 'threadsworker[postgres]'"
        ) from None


def _postgresql(url: str, idle_limit: timedelta | None, trusted_for: timedelta) -> Engine:
    engine = create_engine(url, pool_pre_ping=not trusted_for, hide_parameters=True)
    if trusted_for:
        _ask_when_idle(engine, trusted_for.total_seconds())
    event.listen(engine, "handle_error", _lost, retval=True)
    if idle_limit is not None:
        milliseconds = int(idle_limit.total_seconds() * 1000)

        @event.listens_for(engine, "connect")
        def configure(connection: Any, _record: Any) -> None:
            connection.execute(f"SET idle_in_transaction_session_timeout = {milliseconds}")
            connection.commit()

    return engine


def _ask_when_idle(engine: Engine, seconds: float) -> None:
    """Before a connection is used that was not for so long, see whether it is still there."""

    @event.listens_for(engine, "checkin")
    def note(_connection: Any, record: Any) -> None:
        record.info["used_at"] = monotonic()

    @event.listens_for(engine, "checkout")
    def ask(connection: Any, record: Any, _proxy: Any) -> None:
        if monotonic() - record.info.get("used_at", monotonic()) <= seconds:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # The pool takes another one, and forgets those of before.
            raise DisconnectionError(type(error).__name__) from None


def _lost(context: ExceptionContext) -> BaseException | None:
    """
    The server ended a transaction that had idled for too long: a connection was lost, though the
    driver calls it an internal error (class 25 of SQLSTATE).
    """
    said = context.sqlalchemy_exception
    if not (context.is_disconnect and isinstance(said, InternalError)):
        return None
    return OperationalError(
        said.statement, said.params, context.original_exception, said.hide_parameters, True
    )


def _sqlite(url: str, path: str | None) -> Engine:
    if path and path != ":memory:":
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.startswith("file:"):
            _make_private(path)
    # What goes wrong with a statement is logged, and what people wrote is not.
    engine = create_engine(url, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver's own idea of when a transaction begins is switched off.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT}")
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _is_busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and (
        error.sqlite_errorcode == sqlite3.SQLITE_BUSY
    )


@retry(
    retry=retry_if_exception(_is_busy),
    stop=stop_after_delay(SQLITE_BUSY_TIMEOUT / 1000),
    wait=wait_random(0.001, 0.02),
    reraise=True,
)
def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Of two that do this to a new file at once, SQLite refuses one, however long it would wait."""
    cursor.execute("PRAGMA journal_mode = WAL")


def _make_private(path: str) -> None:
    """
    Make the file, if there is none, as its owner's alone; SQLite gives the files beside it the same
    mode. Where it cannot be made SQLite says why.
    """
    with suppress(OSError):
        # One that is there is not opened: closing it would drop the locks that SQLite holds on it.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A transaction that commits at the end of the block, and rolls back on an exception."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """
    For what only reads: on SQLite it does not wait for a writer, and on PostgreSQL, where each
    statement sees what is committed then, there is no transaction to begin and to end.
    """
    with transaction(_reading(engine)) as session:
        yield session


@lru_cache(maxsize=16)
def _reading(engine: Engine) -> Engine:
    return engine.execution_options(**_READING[engine.dialect.name])


_READING: dict[str, dict[str, Any]] = {
    "sqlite": {"reading": True},
    "postgresql": {"isolation_level": "AUTOCOMMIT"},
}


def clock(session: Session) -> datetime:
    """The database's time, aware, in UTC; or the engine's own, see `make_engine`."""
    given = given_time(session)
    if given is not None:
        return given
    dialect = session.get_bind().dialect.name
    return told_time(session, session.execute(_ask_time(dialect)).scalar_one())


def now_column(dialect: str) -> ColumnElement[Any]:
    """The database's time as a column of another query, for `told_time` to read."""
    return literal_column(_NOW[dialect])


def told_time(session: Session, told: Any) -> datetime:
    """What `clock` would have told at the moment of the query that told this."""
    given = given_time(session)
    if given is not None:
        return given
    moment: datetime = datetime.fromisoformat(told) if isinstance(told, str) else told
    return moment.astimezone(UTC)


_NOW = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
    "postgresql": "clock_timestamp()",
}


@cache
def _ask_time(dialect: str) -> Select[tuple[Any]]:
    return select(now_column(dialect))


def given_time(session: Session) -> datetime | None:
    """The engine's own time, see `make_engine`; None: it goes by the database's."""
    given = session.get_bind().get_execution_options().get("now")
    if given is None:
        return None
    told: datetime = given()
    return told
