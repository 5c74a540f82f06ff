"""
Jobs: one function per transition, named by its verb.

The first line of each docstring is the arrow. Every UPDATE names the state it expects, and
where the holder of a claim decides, the claim too; the loser of a race learns it from a
value (`None`, `False`) or from `ClaimLost`, and nothing is overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select, update

from threadsworker.errors import ClaimLost, NotFound
from threadsworker.job import RESTING, JobState, Trouble, WaitReason
from threadsworker.store import events, segments
from threadsworker.store.tables import AccountRow, JobRow


@dataclass(frozen=True)
class Claim:
    """One worker's hold on a job. `epoch` is the fencing token."""

    job_id: str
    account_id: str
    run: int
    epoch: int
    #: Claims in a row that did not end in an orderly way, this one included.
    claims: int
    #: Troubles in a row.
    tries: int


def find(session: Session, job_id: str) -> JobRow:
    """The job; NotFound if there is none of that id."""
    row = session.get(JobRow, job_id)
    if row is None:
        raise NotFound(f"there is no job {job_id!r}; `threadsworker jobs` lists them")
    return row


def with_key(session: Session, account_id: str, key: str) -> JobRow | None:
    """The account's job of that idempotency key."""
    found = select(JobRow).where(JobRow.account_id == account_id, JobRow.key == key)
    return session.exec(found).first()


def newest(
    session: Session, *, state: JobState | None, account_id: str | None, limit: int | None
) -> list[tuple[JobRow, str]]:
    """Jobs and their accounts' names, newest first."""
    found = (
        select(JobRow, AccountRow.name)
        .join(AccountRow, col(AccountRow.id) == col(JobRow.account_id))
        .order_by(col(JobRow.created_at).desc(), col(JobRow.id))
        .limit(limit)
    )
    if state is not None:
        found = found.where(JobRow.state == state)
    if account_id is not None:
        found = found.where(JobRow.account_id == account_id)
    return [(row, name) for row, name in session.exec(found).all()]


def claim(
    session: Session, job_id: str, *, run: int, worker: str, lease: timedelta, now: datetime
) -> Claim | None:
    """
    queued | publishing | waiting, held by nobody → publishing.

    None when the job is not there to be taken: of another run, held by a live worker, at
    rest, unknown. That is no error: it is what the reader of a message that came twice,
    late or for nothing sees.
    """
    taken = session.exec(
        update(JobRow)
        .where(
            col(JobRow.id) == job_id,
            col(JobRow.run) == run,
            col(JobRow.state).in_([JobState.QUEUED, JobState.PUBLISHING, JobState.WAITING]),
            or_(col(JobRow.lease_until).is_(None), col(JobRow.lease_until) <= now),
        )
        .values(
            state=JobState.PUBLISHING,
            reason=None,
            claimed_by=worker,
            epoch=JobRow.epoch + 1,
            lease_until=now + lease,
            wake_at=now + lease,
            claims=JobRow.claims + 1,
        )
        .returning(col(JobRow.account_id), col(JobRow.epoch), col(JobRow.claims), col(JobRow.tries))
    ).first()
    if taken is None:
        return None
    account_id, epoch, claims, tries = taken
    return Claim(
        job_id=job_id, account_id=account_id, run=run, epoch=epoch, claims=claims, tries=tries
    )


def renew(session: Session, claim: Claim, *, lease: timedelta, now: datetime) -> bool:
    """publishing → publishing, held for another `lease`. False if the claim was lost."""
    values = {"lease_until": now + lease, "wake_at": now + lease}
    return _written(session, claim, values)


def check(session: Session, claim: Claim) -> None:
    """Raise ClaimLost unless `claim` still holds the job. For commands on other rows."""
    found = select(JobRow.id).where(*_held(claim)).with_for_update()
    if session.exec(found).first() is None:
        raise _lost(claim)


def proceed(session: Session, claim: Claim, *, silence: timedelta, now: datetime) -> None:
    """publishing → publishing, let go: the next message of the chain goes on."""
    _release(session, claim, state=JobState.PUBLISHING, wake_at=now + silence, tries=0)


def wait(
    session: Session, claim: Claim, *, until: datetime, reason: WaitReason, tries: int
) -> None:
    """
    publishing → waiting, let go.

    At `until` somebody looks again: `dispatch`, with a new run, for a parked job. A caller
    that has sent itself a message instead adds to `until` the silence that it is granted.
    Waiting is not failing.
    """
    _release(session, claim, state=JobState.WAITING, wake_at=until, reason=reason, tries=tries)


def finish(session: Session, claim: Claim, *, now: datetime) -> None:
    """publishing → published."""
    _release(
        session,
        claim,
        state=JobState.PUBLISHED,
        wake_at=None,
        finished_at=now,
        error_code=None,
        error_message=None,
        error_advice=None,
    )


def fail(session: Session, claim: Claim, trouble: Trouble, *, now: datetime) -> None:
    """publishing → failed."""
    _release(
        session, claim, state=JobState.FAILED, wake_at=None, finished_at=now, **_error(trouble)
    )


def review(session: Session, claim: Claim, trouble: Trouble) -> None:
    """publishing → needs_review."""
    _release(
        session,
        claim,
        state=JobState.NEEDS_REVIEW,
        wake_at=None,
        reason=trouble.code,
        **_error(trouble),
    )


def let_go(session: Session, claim: Claim, *, until: datetime) -> None:
    """
    publishing → publishing, held by nobody, after a step that broke.

    `claims` stays as it is: a job that breaks every worker shows by it.
    """
    _written(session, claim, {"lease_until": None, "claimed_by": None, "wake_at": until})


def note_trouble(session: Session, claim: Claim, trouble: Trouble) -> None:
    """Keep what was heard last on the row, while the job goes on waiting."""
    _written(session, claim, _error(trouble))


@dataclass(frozen=True)
class Start:
    """A job that was given a new run, and the first of its segments that is not live."""

    job_id: str
    run: int
    index: int | None


def dispatch(session: Session, *, silence: timedelta, now: datetime, limit: int) -> list[Start]:
    """
    scheduled | waiting | queued, due → queued, with a new run; oldest first.

    A queued job is due when its chain was sent and nobody began it: the message was lost,
    or never sent.
    """
    states = [JobState.SCHEDULED, JobState.WAITING, JobState.QUEUED]
    return _restart(session, states, "dispatched", silence=silence, now=now, limit=limit)


def rescue(session: Session, *, silence: timedelta, now: datetime, limit: int) -> list[Start]:
    """
    publishing, silent → queued, with a new run; oldest first.

    Its worker's lease ran out, or the next message of its chain was lost. If the worker is
    only slow, its epoch is stale from the next claim on, and its decisions are refused.
    """
    states = [JobState.PUBLISHING]
    return _restart(session, states, "rescued", silence=silence, now=now, limit=limit)


def _restart(
    session: Session,
    states: list[JobState],
    what: str,
    *,
    silence: timedelta,
    now: datetime,
    limit: int,
) -> list[Start]:
    due = and_(col(JobRow.state).in_(states), col(JobRow.wake_at) <= now)
    oldest = (
        select(JobRow.id)
        .where(due)
        .order_by(col(JobRow.wake_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    restarted = session.exec(
        update(JobRow)
        .where(col(JobRow.id).in_(oldest), due)
        .values(
            state=JobState.QUEUED,
            reason=None,
            run=JobRow.run + 1,
            lease_until=None,
            claimed_by=None,
            wake_at=now + silence,
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
        .values(wake_at=now)
    )


def retry(session: Session, job_id: str, *, silence: timedelta, now: datetime) -> Start | None:
    """failed | missed → queued, with a new run; None if it is in neither state."""
    stopped = [JobState.FAILED, JobState.MISSED]
    retried = session.exec(
        update(JobRow)
        .where(col(JobRow.id) == job_id, col(JobRow.state).in_(stopped))
        .values(
            state=JobState.QUEUED,
            reason=None,
            run=JobRow.run + 1,
            tries=0,
            claims=0,
            lease_until=None,
            claimed_by=None,
            finished_at=None,
            wake_at=now + silence,
        )
        .returning(col(JobRow.run))
    ).first()
    if retried is None:
        return None
    run = int(retried[0])
    events.record(session, job_id, "retried", now=now, run=run)
    return Start(job_id=job_id, run=run, index=segments.next_index(session, job_id))


def cancel(session: Session, job_id: str, *, now: datetime) -> bool:
    """
    anything but at rest → cancelled. False if it is at rest.

    The epoch grows, so a worker that is at it right now may still report facts but takes
    no further decision: the next side effect does not happen.
    """
    cancelled = session.exec(
        update(JobRow)
        .where(
            col(JobRow.id) == job_id,
            or_(
                col(JobRow.state).not_in(list(RESTING)),
                col(JobRow.state) == JobState.NEEDS_REVIEW,
            ),
        )
        .values(
            state=JobState.CANCELLED,
            reason=None,
            epoch=JobRow.epoch + 1,
            lease_until=None,
            claimed_by=None,
            wake_at=None,
            finished_at=now,
        )
        .returning(col(JobRow.run))
    ).first()
    if cancelled is None:
        return False
    events.record(session, job_id, "cancelled", now=now, run=cancelled[0])
    return True


def _held(claim: Claim) -> tuple[Any, ...]:
    return (
        col(JobRow.id) == claim.job_id,
        col(JobRow.state) == JobState.PUBLISHING,
        col(JobRow.epoch) == claim.epoch,
    )


def _written(session: Session, claim: Claim, values: dict[str, Any]) -> bool:
    return session.exec(update(JobRow).where(*_held(claim)).values(**values)).rowcount == 1


def _release(session: Session, claim: Claim, **values: Any) -> None:
    values = {"lease_until": None, "claimed_by": None, "claims": 0, **values}
    if not _written(session, claim, values):
        raise _lost(claim)


def _lost(claim: Claim) -> ClaimLost:
    return ClaimLost(f"job {claim.job_id}: the claim of epoch {claim.epoch} is no longer current")


def _error(trouble: Trouble) -> dict[str, str]:
    return {
        "error_code": trouble.code,
        "error_message": trouble.message,
        "error_advice": trouble.advice,
    }
