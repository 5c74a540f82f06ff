"""
Jobs: one function per transition of a job that somebody works on, named by its verb. How one
is started, again too, is in `runs`.

The first line of each docstring is the arrow. Every UPDATE names the state it expects, and
where the holder of a claim decides, the claim too; the loser of a race learns it from a
value (`None`, `False`) or from `ClaimLost`, and nothing is overwritten.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, Update, func, insert
from sqlmodel import Session, col, select, update

from threadsworker.errors import NotFound
from threadsworker.job import (
    GRACE_SHARE,
    LONGEST_GRACE,
    JobState,
    Trouble,
    WaitReason,
)
from threadsworker.notice import NoticeEvent
from threadsworker.store import events, notices
from threadsworker.store.claims import CLAIMABLE as CLAIMABLE
from threadsworker.store.claims import Claim as Claim
from threadsworker.store.claims import check as check
from threadsworker.store.claims import claim as claim
from threadsworker.store.claims import held_as, is_free_as_given, is_held_as_given, lost, written
from threadsworker.store.claims import holds as holds
from threadsworker.store.claims import renew as renew
from threadsworker.store.prepared import PreparedWrite, Times, Together, Write, given
from threadsworker.store.tables import AccountRow, EventRow, JobRow
from threadsworker.text import no_character

#: Columns of a job that nobody holds any more.
_LET_GO = {"lease_until": None, "claimed_by": None, "claims": 0, "overdue_at": None}
#: Events after which a review is another one than before.
_NEWS = ("needs_review", "retried", "resolved", "segment_published", "segment_found")


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
    session: Session,
    claim: Claim,
    *,
    silence: timedelta,
    now: datetime | None = None,
    progress: bool = True,
    delay: timedelta = timedelta(0),
) -> None:
    """
    publishing → publishing, let go: the next message of the chain goes on, in `delay`.

    Without `progress` the job is as suspect as before: the step had nothing to do.
    """
    given = proceeding_with(claim, silence=silence, progress=progress, delay=delay)
    if _PROCEED.run(session, now=now, **given).rowcount != 1:
        raise lost(claim)


def proceeding(times: Times) -> Update:
    """`proceed` as a part of a larger statement, which is given `proceeding_with`."""
    return (
        update(JobRow)
        .where(*is_held_as_given())
        .values(
            lease_until=None,
            claimed_by=None,
            claims=given("claims"),
            tries=given("tries"),
            wake_at=times.after("silence"),
            overdue_at=times.after("grace"),
        )
    )


def proceeding_with(
    claim: Claim,
    *,
    silence: timedelta,
    progress: bool = True,
    delay: timedelta = timedelta(0),
) -> dict[str, Any]:
    """What `proceeding` is to be given."""
    return {
        **held_as(claim),
        "claims": 0 if progress else claim.claims - 1,
        "tries": 0 if progress else claim.tries,
        "silence": delay + silence,
        "grace": delay + grace(silence),
    }


_PROCEED = PreparedWrite(proceeding)


def grace(silence: timedelta) -> timedelta:
    """How long a message may go unheard if a worker has died meanwhile."""
    return min(LONGEST_GRACE, silence / GRACE_SHARE)


def under_way(due: datetime, silence: timedelta) -> dict[str, datetime]:
    """Columns of a job for which a message is under way, to be acted upon at `due`."""
    return {"wake_at": due + silence, "overdue_at": due + grace(silence)}


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


def await_free(times: Times) -> Update:
    """
    held by nobody → waiting, for a message that comes back: as a part of a larger statement.

    For a step that has only looked, and did not need the job for that.
    """
    return (
        update(JobRow)
        .where(*is_free_as_given(times))
        .values(
            state=JobState.WAITING,
            reason=given("reason"),
            wake_at=times.after("silence"),
            overdue_at=times.after("grace"),
        )
    )


def await_free_with(
    job_id: str, *, run: int, delay: timedelta, reason: WaitReason, silence: timedelta
) -> dict[str, Any]:
    """What `await_free` is to be given. `delay`: until the message comes back."""
    return {
        "job": job_id,
        "run": run,
        "reason": reason,
        "silence": delay + silence,
        "grace": delay + grace(silence),
    }


def finish(
    session: Session, claim: Claim, *, now: datetime | None = None
) -> tuple[datetime, datetime]:
    """publishing → published; when it was due, and when it ended."""
    given = {"account": claim.account_id, "run": claim.run, "data": {}, **held_as(claim)}
    done = _FINISH.write(session, now=now, **given)
    if not done["job"]:
        raise lost(claim)
    if done["is_awaited"]:
        notices.tell(session, NoticeEvent.JOB_PUBLISHED, claim.job_id, now=done["now"])
    return done["due"], done["now"]


def _finish(times: Times) -> dict[str, Write]:
    return {
        "job": update(JobRow)
        .where(*is_held_as_given())
        .values(
            **_LET_GO,
            state=JobState.PUBLISHED,
            wake_at=None,
            reserved_at=None,
            finished_at=times.now,
            error_code=None,
            error_message=None,
            error_advice=None,
        ),
        "event": insert(EventRow).values(
            job_id=given("job"),
            at=times.now,
            run=given("run"),
            epoch=given("epoch"),
            what="published",
            data=given("data"),
        ),
    }


def _asked_at_the_end(times: Times) -> dict[str, ColumnElement[Any]]:
    due = func.coalesce(col(JobRow.scheduled_at), col(JobRow.created_at))
    return {
        "now": times.now,
        "due": select(due).where(col(JobRow.id) == given("job")).scalar_subquery(),
        "is_awaited": notices.is_awaited(NoticeEvent.JOB_PUBLISHED, given("account", String)),
    }


_FINISH = Together(_finish, ask=_asked_at_the_end)


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
    return written(session, claim, {"lease_until": None, "claimed_by": None, "wake_at": until})


def note_trouble(session: Session, claim: Claim, trouble: Trouble) -> None:
    """Keep what was heard last on the row, while the job goes on waiting."""
    written(session, claim, _error(trouble))


def told(session: Session, job_id: str, *, now: datetime) -> None:
    """needs_review → needs_review, due now: what was in question is known after all."""
    session.exec(
        update(JobRow)
        .where(col(JobRow.id) == job_id, col(JobRow.state) == JobState.NEEDS_REVIEW)
        .values(wake_at=now)
    )


def _release(session: Session, claim: Claim, **values: Any) -> None:
    if not written(session, claim, {**_LET_GO, **values}):
        raise lost(claim)


def _error(trouble: Trouble) -> dict[str, str]:
    return {
        "error_code": trouble.code,
        "error_message": trouble.message,
        "error_advice": trouble.advice,
    }
