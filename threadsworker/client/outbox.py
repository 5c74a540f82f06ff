"""A caller's transaction, of which a job may be a part: it exists if and only if he commits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from sqlalchemy import Connection, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session as AnySession
from sqlalchemy.orm import scoped_session
from sqlmodel import Session

logger = logging.getLogger(__name__)

#: What `enqueue` takes: a session, or a registry of one for each thread, as Flask-SQLAlchemy's.
CallersSession: TypeAlias = AnySession | scoped_session[Any]

#: Under this a caller's session keeps the names of accounts with jobs to begin.
_NAMES = "threadsworker.accounts"


@contextmanager
def part_of(outer: CallersSession) -> Iterator[Session]:
    """A session of our own whose work is kept if and only if the owner of `outer` commits."""
    connection = outer.connection()
    _begin(connection)
    with Session(
        connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
    ) as session:
        yield session
        session.commit()


def _begin(connection: Connection) -> None:
    """
    Have the caller's transaction begin, where the driver has put it off.

    Python's driver for SQLite begins one before the first row is written, and not before a
    savepoint: that would be a transaction by itself, and no rollback would take it back.
    """
    driver = connection.connection.driver_connection
    if connection.dialect.name == "sqlite" and not getattr(driver, "in_transaction", True):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def tell_after_commit(
    outer: CallersSession, name: str, *, tell: Callable[[set[str]], None]
) -> None:
    """Call `tell` with this account's name, and others given till then, once he has committed."""
    session = outer() if isinstance(outer, scoped_session) else outer
    if _NAMES not in session.info:
        session.info[_NAMES] = set()
        event.listen(session, "after_commit", partial(_committed, tell=tell))
        event.listen(session, "after_rollback", _rolled_back)
    session.info[_NAMES].add(name)


def _committed(session: AnySession, *, tell: Callable[[set[str]], None]) -> None:
    names = session.info[_NAMES]
    # The end of a savepoint is no commit: its owner may still change his mind.
    if not names or session.in_nested_transaction():
        return
    session.info[_NAMES] = set()
    try:
        tell(names)
    except SQLAlchemyError:
        # What is committed must not look as if it were not.
        logger.warning("Jobs of %s are not begun at once, but by the next dispatch", names)


def _rolled_back(session: AnySession) -> None:
    """Jobs from before a savepoint may still be committed; then the next dispatch begins them."""
    session.info[_NAMES] = set()
