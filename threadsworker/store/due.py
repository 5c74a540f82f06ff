"""Which jobs are due: conditions for queries on jobs, and whether there are any."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, not_, or_, union_all
from sqlmodel import Session, col, select

from threadsworker.job import JobState
from threadsworker.store import segments
from threadsworker.store.prepared import Prepared, given
from threadsworker.store.tables import JobRow

#: After this a message counts as lost although the queue is long.
LONG_SILENCE = timedelta(minutes=15)


def is_any_due(session: Session, account_id: str | None, *, now: datetime) -> bool:
    """
    Whether anything may be due.

    Asked first, since it is cheap: nearly always nothing is due, and it is asked after every job.
    """
    asked = _FIRST if account_id is None else _FIRST_OF
    first = asked.run(session, account=account_id).scalar()
    return first is not None and first <= now


def _first(*whose: ColumnElement[bool]) -> Any:
    """
    The earliest time at which a job is looked at.

    Not whether one is before now: PostgreSQL, when it does not know how far off now is, takes a
    third of the rows for due, and reads the table from its beginning until it meets one.
    """
    wake_at = col(JobRow.wake_at)
    return select(JobRow.wake_at).where(wake_at.is_not(None), *whose).order_by(wake_at).limit(1)


_FIRST = Prepared(lambda _: _first())
_FIRST_OF = Prepared(lambda _: _first(col(JobRow.account_id) == given("account")))


def is_due(
    states: list[JobState], *, silence: timedelta, now: datetime, busy: bool
) -> ColumnElement[bool]:
    """
    Whether a job in one of the states is to be looked at by now.

    Of a queue that is `busy`, not one whose message may wait in it still.
    """
    due = and_(col(JobRow.state).in_(states), col(JobRow.wake_at) <= now)
    if not busy:
        return due
    # A new run makes the message that waits stale, and its own goes to the end of the
    # queue: done too often, nothing but stale messages would reach its head.
    long_ago = now - max(LONG_SILENCE, silence)
    return and_(due, or_(col(JobRow.overdue_at).is_(None), col(JobRow.overdue_at) < long_ago))


def fair(due: ColumnElement[bool], concurrency: int) -> ColumnElement[bool]:
    """Jobs that are due, as far as their accounts have room; and whatever is prepared."""
    prepared = case((is_prepared(), 1), else_=0).label("prepared")
    # Chains that are at work come first: they take their places whatever else is due.
    columns: list[Any] = [JobRow.id, JobRow.account_id, JobRow.wake_at]
    waiting = select(JobRow).with_only_columns(*columns, literal(1).label("waits"), prepared)
    at_work = select(JobRow).with_only_columns(
        *columns, literal(0).label("waits"), literal(0).label("prepared")
    )
    candidates = union_all(waiting.where(due), at_work.where(is_under_way(), not_(due))).subquery(
        "candidates"
    )
    at = candidates.c
    place = func.row_number().over(
        partition_by=at.account_id, order_by=(at.waits, at.wake_at, at.id)
    )
    ranked = select(at.id, at.waits, at.prepared, place.label("place")).subquery("ranked")
    chosen = select(ranked.c.id).where(
        ranked.c.waits == 1, or_(ranked.c.place <= concurrency, ranked.c.prepared == 1)
    )
    return col(JobRow.id).in_(chosen)


def is_prepared() -> ColumnElement[bool]:
    """
    Whether a job only waits for its second: it takes one look and one publish.

    Others of its account must not make it late.
    """
    return and_(col(JobRow.state) == JobState.SCHEDULED, segments.is_prepared(JobRow.id))


def is_under_way() -> ColumnElement[bool]:
    """
    Whether a worker or a message is at work on a job.

    One that is prepared and only waits for its second is not: it would keep others waiting.
    """
    return and_(
        or_(col(JobRow.overdue_at).is_not(None), col(JobRow.lease_until).is_not(None)),
        col(JobRow.state) != JobState.SCHEDULED,
    )
