"""
Claims: one worker's hold on a job, for as long as its lease lasts.

A claim is lost when its lease has run out and another worker has come. The loser learns it from
a value (`None`, `False`) or from `ClaimLost`, and nothing is overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, ScalarSelect, func, or_, select
from sqlmodel import Session, col, update

from threadsworker.errors import ClaimLost
from threadsworker.job import JobState
from threadsworker.store.prepared import PreparedWrite, Times, among, given
from threadsworker.store.tables import AccountRow, JobRow

#: States in which a worker may take the job.
CLAIMABLE = (JobState.SCHEDULED, JobState.QUEUED, JobState.PUBLISHING, JobState.WAITING)


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


def claim(
    session: Session,
    job_id: str,
    *,
    run: int,
    worker: str,
    lease: timedelta,
    now: datetime | None = None,
    epoch: int | None = None,
) -> Claim | None:
    """
    scheduled | queued | publishing | waiting, held by nobody → publishing.

    None when the job is not there to be taken: of another run, held by a live worker, at
    rest, unknown; or claimed by another since it had `epoch`, when the caller read it. That is
    no error: it is what the reader of a message that came twice, late or for nothing sees.
    """
    given = {"job": job_id, "run": run, "worker": worker, "lease": lease, "epoch": epoch}
    taken = _CLAIM.run(session, now=now, **given).first()
    if taken is None:
        return None
    account_id, its_epoch, claims, tries, token_version, throttles, account = taken
    return Claim(
        job_id=job_id,
        worker=worker,
        account_id=account_id,
        run=run,
        epoch=its_epoch,
        claims=claims,
        tries=tries,
        token_version=token_version,
        throttled=throttles > 0,
        account=account,
    )


def is_free_as_given(times: Times) -> tuple[ColumnElement[bool], ...]:
    """Whether the job that is given is there to be taken, for the run that is given."""
    return (
        col(JobRow.id) == given("job"),
        col(JobRow.run) == given("run"),
        among(col(JobRow.state), CLAIMABLE),
        or_(col(JobRow.lease_until).is_(None), col(JobRow.lease_until) <= times.now),
    )


def _claim(times: Times) -> Any:
    return (
        update(JobRow)
        .where(
            *is_free_as_given(times),
            col(JobRow.epoch) == func.coalesce(given("epoch", Integer), col(JobRow.epoch)),
        )
        .values(
            state=JobState.PUBLISHING,
            reason=None,
            claimed_by=given("worker"),
            epoch=JobRow.epoch + 1,
            lease_until=times.after("lease"),
            wake_at=times.after("lease"),
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
    )


def _of_account(column: Any) -> ScalarSelect[Any]:
    """A column of the job's account, for what an UPDATE returns: it saves a query."""
    found = select(column).where(col(AccountRow.id) == col(JobRow.account_id))
    return found.correlate(JobRow).scalar_subquery()


_CLAIM = PreparedWrite(_claim)


def renew(session: Session, claim: Claim, *, lease: timedelta, now: datetime) -> bool:
    """publishing → publishing, held for another `lease`. False if the claim was lost."""
    values = {"lease_until": now + lease, "wake_at": now + lease}
    return written(session, claim, values)


def check(session: Session, claim: Claim, *, now: datetime | None = None) -> None:
    """
    Raise ClaimLost unless `claim` still holds the job. For commands on other rows.

    With `now`, the lease must not have run out either: others may be about to take the job.
    """
    found = select(col(JobRow.id)).where(*_held(claim)).with_for_update(key_share=True)
    if now is not None:
        found = found.where(col(JobRow.lease_until) > now)
    if session.execute(found).first() is None:
        raise lost(claim)


def holds(session: Session, claim: Claim) -> bool:
    """Whether `claim` still holds the job: for facts, which are kept in any case."""
    found = select(col(JobRow.id)).where(*_held(claim)).with_for_update(key_share=True)
    return session.execute(found).first() is not None


def was_let_go(session: Session, claim: Claim) -> bool:
    """Whether nobody has taken the job since `claim` let it go."""
    found = select(col(JobRow.id)).where(
        col(JobRow.id) == claim.job_id,
        col(JobRow.run) == claim.run,
        col(JobRow.epoch) == claim.epoch,
        col(JobRow.claimed_by).is_(None),
    )
    return session.execute(found).first() is not None


def written(session: Session, claim: Claim, values: dict[str, Any]) -> bool:
    """Write these columns of the job. False, and nothing is written, if the claim was lost."""
    done = session.exec(update(JobRow).where(*_held(claim)).values(**values))
    return bool(done.rowcount == 1)


def lost(claim: Claim) -> ClaimLost:
    """What whoever relied on the claim is told."""
    return ClaimLost(f"job {claim.job_id}: the claim of epoch {claim.epoch} is no longer current")


def _held(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (
        col(JobRow.id) == claim.job_id,
        col(JobRow.state) == JobState.PUBLISHING,
        col(JobRow.epoch) == claim.epoch,
        # After a failover that lost a claim, two may have the same epoch.
        col(JobRow.claimed_by) == claim.worker,
    )


def is_held_as_given() -> tuple[ColumnElement[bool], ...]:
    """Whether the claim that is given as `held_as` says holds its job."""
    return (
        col(JobRow.id) == given("job"),
        col(JobRow.state) == JobState.PUBLISHING,
        col(JobRow.epoch) == given("epoch"),
        col(JobRow.claimed_by) == given("worker"),
    )


def held_as(claim: Claim) -> dict[str, Any]:
    """What `is_held_as_given` is to be given."""
    return {"job": claim.job_id, "epoch": claim.epoch, "worker": claim.worker}
