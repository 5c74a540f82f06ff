"""
What has to be known when a post arrives: whose it is, what time it is, and whether its chain
may begin.

One statement, put together once: an application waits for it at every post.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, literal, select
from sqlmodel import Session, col

from threadsworker.store import accounts, runs
from threadsworker.store.database import clock, now_column, told_time
from threadsworker.store.due import is_under_way
from threadsworker.store.tables import AccountRow, JobRow


@dataclass(frozen=True)
class Arrival:
    """The account that a post is for, at this moment."""

    account_id: str
    #: By the clock that is compared with times in rows.
    now: datetime
    #: Whether another chain of the account may begin, see `runs.room`.
    has_room: bool


def arrive(session: Session, name: str, *, concurrency: int) -> Arrival:
    """
    The account of that name, now. NotFound, naming those that exist, if there is none.

    Two who ask at once may both be told that there is room: that is one chain too many for a
    while, and no reason to make one wait for the other's transaction.
    """
    session.flush()
    connection = session.connection()
    asked = _asked(connection.dialect.name)
    found = connection.execute(asked, {"name": name, "most": concurrency}).first()
    if found is None:
        # It raises; or another has added the account at this very moment.
        account_id = accounts.find(session, name).id
        has_room = runs.room(session, account_id, concurrency=concurrency) > 0
        return Arrival(account_id, clock(session), has_room)
    account_id, moment, chains = found
    return Arrival(account_id, told_time(session, moment), chains < concurrency)


@cache
def _asked(dialect: str) -> Select[tuple[str, Any, int]]:
    # Whether there are so many matters, not how many: it does not count ten thousand.
    at_work = (
        select(literal(1))
        .where(col(JobRow.account_id) == col(AccountRow.id), is_under_way())
        .limit(bindparam("most"))
        .correlate(AccountRow)
        .subquery()
    )
    chains = select(func.count()).select_from(at_work).scalar_subquery()
    return select(col(AccountRow.id), now_column(dialect), chains).where(
        col(AccountRow.name) == bindparam("name")
    )
