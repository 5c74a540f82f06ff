"""
Runs: how a job is started, and started again.

Every start has a new run, which the messages carry: those of an older run find it over.
Each function is one atomic statement on rows, so two beats do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select, update

from threadsworker.job import JobState
from threadsworker.store import events, segments
from threadsworker.store.jobs import under_way
from threadsworker.store.tables import JobRow

#: States from which a person starts a job again.
STOPPED = (JobState.FAILED, JobState.MISSED, JobState.NEEDS_REVIEW)


@dataclass(frozen=True)
class Start:
    """A job that was given a new run, and the first of its segments that is not live."""

    job_id: str
    run: int
    index: int | None


#: After this a message counts as lost although the queue is long.
LONG_SILENCE = timedelta(minutes=15)


def dispatch(
    session: Session, *, silence: timedelta, now: datetime, limit: int, busy: bool = False
) -> list[Start]:
    """
    scheduled | waiting | queued | needs_review, due → queued, with a new run; oldest first.

    A queued job is due when its chain was sent and nobody began it: the message was lost,
    or never sent. One that needs a person is due when time may have told. While the queue is
    `busy` a message that nobody took is more likely waiting in it than lost.
    """
    states = [JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED, JobState.NEEDS_REVIEW]
    return _restart(session, states, "dispatched", silence=silence, now=now, limit=limit, busy=busy)


def rescue(
    session: Session, *, silence: timedelta, now: datetime, limit: int, busy: bool = False
) -> list[Start]:
    """
    publishing, silent → queued, with a new run; oldest first.

    Its worker's lease ran out, or the next message of its chain was lost. If the worker is
    only slow, its epoch is stale from the next claim on, and its decisions are refused.
    """
    states = [JobState.PUBLISHING]
    return _restart(session, states, "rescued", silence=silence, now=now, limit=limit, busy=busy)


def _restart(
    session: Session,
    states: list[JobState],
    what: str,
    *,
    silence: timedelta,
    now: datetime,
    limit: int,
    busy: bool,
) -> list[Start]:
    due = and_(col(JobRow.state).in_(states), col(JobRow.wake_at) <= now)
    if busy:
        # A new run makes the message that waits stale, and its own goes to the end of the
        # queue: done too often, nothing but stale messages would reach its head.
        long_ago = now - max(LONG_SILENCE, silence)
        due = and_(due, or_(col(JobRow.overdue_at).is_(None), col(JobRow.overdue_at) < long_ago))
    # Apart from the UPDATE, so that it is taken once, and locks no more than `limit` rows.
    oldest = (
        select(JobRow.id)
        .where(due)
        .order_by(col(JobRow.wake_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("oldest")
    )
    restarted = session.exec(
        update(JobRow)
        .where(col(JobRow.id).in_(select(oldest.c.id)), due)
        .values(
            state=JobState.QUEUED,
            reason=None,
            run=JobRow.run + 1,
            lease_until=None,
            claimed_by=None,
            **under_way(now, silence),
        )
        .returning(col(JobRow.id), col(JobRow.run), col(JobRow.created_at))
    ).all()
    for job_id, run, _ in restarted:
        events.record(session, job_id, what, now=now, run=run)
    return [
        Start(job_id=job_id, run=run, index=segments.next_index(session, job_id))
        for job_id, run, _ in sorted(restarted, key=lambda row: row[2])
    ]


def unheard(session: Session, job_id: str, *, run: int, now: datetime) -> None:
    """queued → queued, due now: its chain could not be sent, so `dispatch` shall."""
    session.exec(
        update(JobRow)
        .where(
            col(JobRow.id) == job_id,
            col(JobRow.run) == run,
            col(JobRow.state) == JobState.QUEUED,
        )
        .values(wake_at=now, overdue_at=None)
    )


def retry(
    session: Session,
    job_id: str,
    *,
    silence: timedelta,
    now: datetime,
    source: Sequence[JobState] = STOPPED,
    what: str = "retried",
    **data: Any,
) -> Start | None:
    """
    failed | missed | needs_review → queued, with a new run; None if it is in none of them.

    `what` and `data` are the event's. A job that needs a person asks Meta again, and is sent
    on only as far as the answers prove.
    """
    retried = session.exec(
        update(JobRow)
        .where(col(JobRow.id) == job_id, col(JobRow.state).in_(list(source)))
        .values(
            state=JobState.QUEUED,
            reason=None,
            run=JobRow.run + 1,
            tries=0,
            claims=0,
            lease_until=None,
            claimed_by=None,
            finished_at=None,
            **under_way(now, silence),
        )
        .returning(col(JobRow.run))
    ).first()
    if retried is None:
        return None
    run = int(retried[0])
    events.record(session, job_id, what, now=now, run=run, **data)
    return Start(job_id=job_id, run=run, index=segments.next_index(session, job_id))


def orphan(session: Session, workers: Sequence[str], *, now: datetime) -> None:
    """
    Make what dead workers may have taken with them due soon: `rescue` and `dispatch` follow.

    What they held is due now. Which messages they had is not known, so every message that
    nobody acts upon in time counts as theirs. If one is still there, it finds its run over.
    """
    session.exec(
        update(JobRow)
        .where(
            col(JobRow.claimed_by).in_(list(workers)),
            col(JobRow.state) == JobState.PUBLISHING,
            col(JobRow.wake_at) > now,
        )
        .values(wake_at=now)
    )
    session.exec(
        update(JobRow)
        .where(col(JobRow.overdue_at).is_not(None), col(JobRow.wake_at) > col(JobRow.overdue_at))
        .values(wake_at=JobRow.overdue_at)
    )
