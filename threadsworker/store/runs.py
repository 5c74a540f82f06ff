"""
Runs: how a job is started, and started again.

Every start has a new run, which the messages carry: those of an older run find it over.
Each function is one atomic statement on rows, so two beats do no harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, not_, or_
from sqlmodel import Session, col, select, update

from threadsworker.job import LIVE, JobState
from threadsworker.store import events, lateness, segments
from threadsworker.store.claims import CLAIMABLE, is_free_as_given
from threadsworker.store.due import fair, is_any_due, is_due, is_prepared, is_under_way
from threadsworker.store.jobs import under_way
from threadsworker.store.prepared import Prepared, Times, among, given
from threadsworker.store.tables import AccountRow, JobRow, SegmentRow

#: States from which a person starts a job again.
STOPPED = (JobState.FAILED, JobState.MISSED, JobState.NEEDS_REVIEW)


@dataclass(frozen=True)
class Start:
    """A job that was given a new run, and the first of its segments that is not live."""

    job_id: str
    run: int
    index: int | None
    #: What people call it by: its account's name, and how many segments its thread has.
    account: str = field(default="", compare=False)
    segments: int = field(default=0, compare=False)
    #: Of the job, when this was read.
    epoch: int = field(default=0, compare=False)

    @property
    def account_name(self) -> str:
        return self.account

    @property
    def token_version(self) -> None:
        """Going on takes no token."""


def start_of(session: Session, job_id: str, run: int) -> Start:
    """Where run `run` of the job begins."""
    (start,) = starts_of(session, {job_id: run})
    return start


def starts_of(session: Session, runs: Mapping[str, int]) -> list[Start]:
    """Where these runs of these jobs begin, in the given order."""
    if not runs:
        return []
    first = func.min(case((not_(segments.is_done()), col(SegmentRow.index))))
    # Not joined: of many accounts PostgreSQL would read all.
    name = select(AccountRow.name).where(AccountRow.id == JobRow.account_id).scalar_subquery()
    found = session.exec(
        select(col(JobRow.id), first, name, func.count(col(SegmentRow.id)))
        .outerjoin(SegmentRow, col(SegmentRow.job_id) == col(JobRow.id))
        .where(col(JobRow.id).in_(list(runs)))
        .group_by(col(JobRow.id), col(JobRow.account_id))
    ).all()
    starts = {
        job_id: Start(job_id, runs[job_id], index, account=account, segments=total)
        for job_id, index, account, total in found
    }
    return [starts[job_id] for job_id in runs]


def follow(session: Session, job_id: str, run: int) -> Start | None:
    """
    Where run `run` goes on after a segment: with the first that is not live, read back or not.

    None if the job is not there to be claimed for that run.
    """
    found = _FOLLOW.run(session, job=job_id, run=run).first()
    if found is None:
        return None
    index, account, total, epoch = found
    return Start(job_id, run, index, account=account, segments=total, epoch=epoch)


def _follow(times: Times) -> Any:
    mine = col(SegmentRow.job_id) == given("job")
    first = select(func.min(SegmentRow.index)).where(
        mine, not_(among(col(SegmentRow.state), sorted(LIVE)))
    )
    total = select(func.count()).select_from(SegmentRow).where(mine)
    return (
        select(
            first.scalar_subquery(),
            col(AccountRow.name),
            total.scalar_subquery(),
            col(JobRow.epoch),
        )
        .select_from(JobRow)
        .join(AccountRow, col(JobRow.account_id) == col(AccountRow.id))
        .where(*is_free_as_given(times))
    )


_FOLLOW = Prepared(_follow)


def dispatch(
    session: Session,
    *,
    silence: timedelta,
    now: datetime,
    limit: int,
    concurrency: int,
    account_id: str | None = None,
    busy: bool = False,
) -> list[Start]:
    """
    scheduled | waiting | queued | needs_review, due → queued, with a new run; oldest first.

    A queued job is due when its chain was sent and nobody began it: the message was lost,
    or never sent. One that needs a person is due when time may have told. While the queue is
    `busy` a message that nobody took is more likely waiting in it than lost.

    No account has more than `concurrency` chains at work, so that one with ten thousand posts
    does not delay another's only one. `account_id`: of this account alone.
    """
    if not is_any_due(session, account_id, now=now):
        return []
    states = [JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED, JobState.NEEDS_REVIEW]
    due = and_(
        is_due(states, silence=silence, now=now, busy=busy),
        # These are for `miss`.
        not_(lateness.is_too_late(now)),
    )
    if account_id is None:
        chosen = fair(due, concurrency)
    else:
        due = and_(due, col(JobRow.account_id) == account_id)
        free = room(session, account_id, concurrency=concurrency, but=due)
        # What is due first, as far as there is room, and whatever is prepared.
        first = select(JobRow.id).where(due).order_by(col(JobRow.wake_at)).limit(free)
        chosen = or_(col(JobRow.id).in_(first), is_prepared())
    return _restart(session, and_(due, chosen), due, "dispatched", silence, now, limit)


def rescue(
    session: Session, *, silence: timedelta, now: datetime, limit: int, busy: bool = False
) -> list[Start]:
    """
    publishing, silent → queued, with a new run; oldest first.

    Its worker's lease ran out, or the next message of its chain was lost. If the worker is
    only slow, its epoch is stale from the next claim on, and its decisions are refused.
    """
    if not is_any_due(session, None, now=now):
        return []
    due = is_due([JobState.PUBLISHING], silence=silence, now=now, busy=busy)
    return _restart(session, due, due, "rescued", silence, now, limit)


def pick_up(session: Session, job_id: str, *, silence: timedelta, now: datetime) -> Start | None:
    """
    scheduled | waiting | queued | publishing, due → queued, with a new run: this one alone.

    For whoever works it in a process of its own, where there are no workers: `dispatch` and
    `rescue` in one, however late it is. None if it is not due.
    """
    states = [JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED, JobState.PUBLISHING]
    due = and_(is_due(states, silence=silence, now=now, busy=False), col(JobRow.id) == job_id)
    started = _restart(session, due, due, "picked_up", silence, now, limit=1)
    return started[0] if started else None


def left_behind(session: Session, account_id: str, *, now: datetime) -> list[str]:
    """Ids of the account's jobs that are due and that nobody is at work on, oldest first."""
    states = [JobState.WAITING, JobState.QUEUED, JobState.PUBLISHING]
    due = is_due(states, silence=timedelta(0), now=now, busy=False)
    found = select(JobRow.id).where(due, JobRow.account_id == account_id)
    return list(session.exec(found.order_by(col(JobRow.created_at))).all())


def room(
    session: Session,
    account_id: str,
    *,
    concurrency: int,
    but: ColumnElement[bool] | None = None,
) -> int:
    """
    How many more chains of the account may begin, as far as can be seen.

    Two who ask at once may both be told of the same room: that is one chain too many for a while,
    and no reason to make one wait for the other's transaction. `but`: jobs that do not count,
    since they are due again.
    """
    found = select(func.count()).where(col(JobRow.account_id) == account_id, is_under_way())
    if but is not None:
        found = found.where(not_(but))
    return max(0, concurrency - session.exec(found).one())


def _restart(
    session: Session,
    chosen: ColumnElement[bool],
    due: ColumnElement[bool],
    what: str,
    silence: timedelta,
    now: datetime,
    limit: int,
) -> list[Start]:
    """The oldest of the `chosen` that are still `due` when it is their turn."""
    # Apart from the UPDATE, so that it is taken once, and locks no more than `limit` rows.
    oldest = (
        select(JobRow.id)
        .where(chosen)
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
    events.record_all(
        session, [events.written(job_id, what, now=now, run=run) for job_id, run, _ in restarted]
    )
    oldest_first = sorted(restarted, key=lambda row: row[2])
    return starts_of(session, {job_id: run for job_id, run, _ in oldest_first})


def unheard(session: Session, job_id: str, *, run: int, now: datetime) -> None:
    """queued | scheduled → the same, due now: its chain could not be sent, `dispatch` shall."""
    session.exec(
        update(JobRow)
        .where(
            col(JobRow.id) == job_id,
            col(JobRow.run) == run,
            col(JobRow.state).in_([JobState.QUEUED, JobState.SCHEDULED]),
        )
        .values(wake_at=now, overdue_at=None)
    )


def give_back(session: Session, job_id: str, *, run: int, until: datetime) -> None:
    """
    held by nobody → the same, due at `until`: its message was not understood by who took it.

    No message is under way any more, so it is due however long the queue is.
    """
    session.exec(
        update(JobRow)
        .where(
            col(JobRow.id) == job_id,
            col(JobRow.run) == run,
            col(JobRow.state).in_(list(CLAIMABLE)),
            col(JobRow.lease_until).is_(None),
            col(JobRow.overdue_at).is_not(None),
        )
        .values(wake_at=until, overdue_at=None)
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
            # A person wants it, however late.
            missed_at=None,
            reserved_at=None,
            **under_way(now, silence),
        )
        .returning(col(JobRow.run))
    ).first()
    if retried is None:
        return None
    run = int(retried[0])
    events.record(session, job_id, what, now=now, run=run, **data)
    return start_of(session, job_id, run)


def orphan(session: Session, workers: Sequence[str], *, now: datetime) -> None:
    """
    Make what dead workers may have taken with them due soon: `rescue` and `dispatch` follow.

    What they held is due now. Which messages they had is not known, so every message that
    nobody acts upon in time counts as theirs; also if it is not known who they were, and
    `workers` is empty. If one is still there, it finds its run over.
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
