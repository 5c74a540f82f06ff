"""
Jobs: one function per transition of a job that somebody works on, named by its verb. How one
is started, again too, is in `runs`.

The first line of each docstring is the arrow. Every UPDATE names the state it expects, and
where the holder of a claim decides, the claim too; the loser of a race learns it from a
value (`None`, `False`) or from `ClaimLost`, and nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, func, or_
from sqlmodel import Session, col, select, update

from threadsworker.errors import ClaimLost, NotFound
from threadsworker.job import (
    GRACE_SHARE,
    LONGEST_GRACE,
    JobState,
    Trouble,
    WaitReason,
)
from threadsworker.notice import NoticeEvent
from threadsworker.store import events, notices
from threadsworker.store.tables import AccountRow, JobRow
from threadsworker.text import no_character

#: States in which a worker may take the job.
CLAIMABLE = (JobState.SCHEDULED, JobState.QUEUED, JobState.PUBLISHING, JobState.WAITING)
#: Events after which a review is another one than before.
_NEWS = ("needs_review", "retried", "resolved", "segment_published", "segment_found")


@dataclass(frozen=True)
class Claim:
    """One worker's hold on a job. `epoch` is the fencing token."""

    job_id: str
    worker: str
    account_id: str
    run: int
    epoch: int
    #: Claims in a row that did not end in an orderly way, this one included.
    claims: int
    #: Troubles in a row.
    tries: int
    #: Of the account when the claim was made: which token it had, and whether Meta had just
    #: asked for a pause.
    token_version: int
    throttled: bool
    #: The account's name.
    account: str


def find(session: Session, job_id: str) -> JobRow:
    """The job; NotFound if there is none of that id."""
    # PostgreSQL cannot even be asked for what is no text.
    row = session.get(JobRow, job_id) if no_character(job_id) is None else None
    if row is None:
        raise NotFound(f"there is no job {job_id!r}; `threadsworker jobs` lists them")
    return row


def due_at(session: Session, job_id: str) -> datetime:
    """When the job was to be published: at its time, or when it was submitted."""
    found = select(JobRow.scheduled_at, JobRow.created_at).where(JobRow.id == job_id)
    scheduled_at, created_at = session.exec(found).one()
    return scheduled_at or created_at


def with_key(session: Session, account_id: str, key: str) -> JobRow | None:
    """The account's job of that idempotency key."""
    found = select(JobRow).where(JobRow.account_id == account_id, JobRow.key == key)
    return session.exec(found).first()


def states(session: Session, job_ids: Sequence[str]) -> dict[str, str]:
    """The states of those of the jobs that there are."""
    found = select(JobRow.id, JobRow.state).where(col(JobRow.id).in_(list(job_ids)))
    return dict(session.exec(found).all())


def count(session: Session, state: JobState, *, since: datetime | None = None) -> int:
    """How many jobs are in that state; `since`: those that ended at that moment or later."""
    found = select(func.count()).where(col(JobRow.state) == state)
    if since is not None:
        found = found.where(col(JobRow.finished_at) >= since)
    return session.exec(found).one()


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
    scheduled | queued | publishing | waiting, held by nobody → publishing.

    None when the job is not there to be taken: of another run, held by a live worker, at
    rest, unknown. That is no error: it is what the reader of a message that came twice,
    late or for nothing sees.
    """
    taken = session.exec(
        update(JobRow)
        .where(
            col(JobRow.id) == job_id,
            col(JobRow.run) == run,
            col(JobRow.state).in_(list(CLAIMABLE)),
            or_(col(JobRow.lease_until).is_(None), col(JobRow.lease_until) <= now),
        )
        .values(
            state=JobState.PUBLISHING,
            reason=None,
            claimed_by=worker,
            epoch=JobRow.epoch + 1,
            lease_until=now + lease,
            wake_at=now + lease,
            overdue_at=None,
            claims=JobRow.claims + 1,
        )
        .returning(
            col(JobRow.account_id),
            col(JobRow.epoch),
            col(JobRow.claims),
            col(JobRow.tries),
            _of_account(AccountRow.token_version),
            _of_account(AccountRow.throttles),
            _of_account(AccountRow.name),
        )
    ).first()
    if taken is None:
        return None
    account_id, epoch, claims, tries, token_version, throttles, account = taken
    return Claim(
        job_id=job_id,
        worker=worker,
        account_id=account_id,
        run=run,
        epoch=epoch,
        claims=claims,
        tries=tries,
        token_version=token_version,
        throttled=throttles > 0,
        account=account,
    )


def _of_account(column: Any) -> ScalarSelect[Any]:
    """A column of the job's account, for what an UPDATE returns: it saves a query."""
    found = select(column).where(col(AccountRow.id) == col(JobRow.account_id))
    return found.correlate(JobRow).scalar_subquery()


def renew(session: Session, claim: Claim, *, lease: timedelta, now: datetime) -> bool:
    """publishing → publishing, held for another `lease`. False if the claim was lost."""
    values = {"lease_until": now + lease, "wake_at": now + lease}
    return _written(session, claim, values)


def check(session: Session, claim: Claim, *, now: datetime | None = None) -> None:
    """
    Raise ClaimLost unless `claim` still holds the job. For commands on other rows.

    With `now`, the lease must not have run out either: others may be about to take the job.
    """
    found = select(JobRow.id).where(*_held(claim)).with_for_update(key_share=True)
    if now is not None:
        found = found.where(col(JobRow.lease_until) > now)
    if session.exec(found).first() is None:
        raise _lost(claim)


def holds(session: Session, claim: Claim) -> bool:
    """Whether `claim` still holds the job: for facts, which are kept in any case."""
    found = select(JobRow.id).where(*_held(claim)).with_for_update(key_share=True)
    return session.exec(found).first() is not None


def record(
    session: Session,
    claim: Claim,
    what: str,
    *,
    now: datetime,
    segment: int | None = None,
    **data: Any,
) -> None:
    """Append an event of this claim; see `events.record`."""
    events.record(
        session,
        claim.job_id,
        what,
        now=now,
        run=claim.run,
        epoch=claim.epoch,
        segment=segment,
        **data,
    )


def proceed(
    session: Session, claim: Claim, *, silence: timedelta, now: datetime, progress: bool = True
) -> None:
    """
    publishing → publishing, let go: the next message of the chain goes on.

    Without `progress` the job is as suspect as before: the step had nothing to do.
    """
    record = {"tries": 0, "claims": 0}
    if not progress:
        record = {"tries": claim.tries, "claims": claim.claims - 1}
    _release(session, claim, state=JobState.PUBLISHING, **record, **under_way(now, silence))


def under_way(due: datetime, silence: timedelta) -> dict[str, datetime]:
    """Columns of a job for which a message is under way, to be acted upon at `due`."""
    return {
        "wake_at": due + silence,
        "overdue_at": due + min(LONGEST_GRACE, silence / GRACE_SHARE),
    }


def postpone(session: Session, claim: Claim, *, until: datetime, silence: timedelta | None) -> None:
    """
    publishing → scheduled, let go: prepared, and its time has not come.

    As in `wait`, `silence` is what the caller's own message is granted, if there is one.
    """
    due = {"wake_at": until} if silence is None else under_way(until, silence)
    _release(session, claim, state=JobState.SCHEDULED, tries=0, **due)


def wait(
    session: Session,
    claim: Claim,
    *,
    until: datetime,
    reason: WaitReason,
    tries: int,
    silence: timedelta | None = None,
) -> None:
    """
    publishing → waiting, let go.

    At `until` somebody looks again: `dispatch`, with a new run, for a parked job; or a message
    that the caller sends itself, and then `silence` is what that is granted. Waiting is not
    failing.
    """
    due = {"wake_at": until} if silence is None else under_way(until, silence)
    _release(session, claim, state=JobState.WAITING, reason=reason, tries=tries, **due)


def finish(session: Session, claim: Claim, *, now: datetime) -> None:
    """publishing → published."""
    _release(
        session,
        claim,
        state=JobState.PUBLISHED,
        wake_at=None,
        reserved_at=None,
        finished_at=now,
        error_code=None,
        error_message=None,
        error_advice=None,
    )
    notices.tell(session, NoticeEvent.JOB_PUBLISHED, claim.job_id, now=now)


def fail(session: Session, claim: Claim, trouble: Trouble, *, now: datetime) -> None:
    """publishing → failed."""
    _release(
        session,
        claim,
        state=JobState.FAILED,
        wake_at=None,
        reserved_at=None,
        finished_at=now,
        **_error(trouble),
    )
    notices.tell(session, NoticeEvent.JOB_FAILED, claim.job_id, now=now)


def review(
    session: Session,
    claim: Claim,
    trouble: Trouble,
    *,
    now: datetime,
    recheck_at: datetime | None = None,
) -> None:
    """publishing → needs_review; looked at again at `recheck_at`, if time may help."""
    _release(
        session,
        claim,
        state=JobState.NEEDS_REVIEW,
        wake_at=recheck_at,
        reserved_at=None,
        reason=trouble.code,
        **_error(trouble),
    )
    before = events.last(session, claim.job_id, _NEWS)
    if before is None or (before.what, before.data.get("code")) != ("needs_review", trouble.code):
        # Else it was looked at again, and nothing has changed.
        notices.tell(session, NoticeEvent.JOB_NEEDS_REVIEW, claim.job_id, now=now)


def let_go(session: Session, claim: Claim, *, until: datetime) -> bool:
    """
    publishing → publishing, held by nobody, after a step that broke. False if it is lost.

    `claims` stays as it is: a job that breaks every worker shows by it.
    """
    return _written(session, claim, {"lease_until": None, "claimed_by": None, "wake_at": until})


def note_trouble(session: Session, claim: Claim, trouble: Trouble) -> None:
    """Keep what was heard last on the row, while the job goes on waiting."""
    _written(session, claim, _error(trouble))


def told(session: Session, job_id: str, *, now: datetime) -> None:
    """needs_review → needs_review, due now: what was in question is known after all."""
    session.exec(
        update(JobRow)
        .where(col(JobRow.id) == job_id, col(JobRow.state) == JobState.NEEDS_REVIEW)
        .values(wake_at=now)
    )


def _held(claim: Claim) -> tuple[Any, ...]:
    return (
        col(JobRow.id) == claim.job_id,
        col(JobRow.state) == JobState.PUBLISHING,
        col(JobRow.epoch) == claim.epoch,
        # After a failover that lost a claim, two may have the same epoch.
        col(JobRow.claimed_by) == claim.worker,
    )


def _written(session: Session, claim: Claim, values: dict[str, Any]) -> bool:
    return session.exec(update(JobRow).where(*_held(claim)).values(**values)).rowcount == 1


def _release(session: Session, claim: Claim, **values: Any) -> None:
    ended = {"lease_until": None, "claimed_by": None, "claims": 0, "overdue_at": None}
    values = {**ended, **values}
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
