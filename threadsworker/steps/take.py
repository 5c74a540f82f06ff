"""
Take one step of a job.

A step is two short transactions with an effect between them: commit the claim and the intent,
make the call, commit the outcome and let go. No transaction is open during a call. A worker that
dies in the middle leaves a claimed job, and whoever finds it after the lease asks what happened
instead of doing it again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import Session

from threadsworker.errors import ClaimLost, ThreadsWorkerError
from threadsworker.job import POISON_CLAIMS, Outcome, Review, Trouble, backoff
from threadsworker.steps.desk import Desk
from threadsworker.steps.lease import kept
from threadsworker.steps.outcomes import in_rows
from threadsworker.steps.step import SKIPPED, Again, Go, Next, Seen, Step, Stop, Written
from threadsworker.steps.troubles import outcome_of
from threadsworker.steps.watch import Watch, watched
from threadsworker.store import jobs
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.subject import Subject, about

logger = logging.getLogger(__name__)

#: How long a message waits for a database that does not answer.
DATABASE_GAP = timedelta(seconds=2)


def take(desk: Desk, step: Step, job_id: str, run: int, index: int | None = None) -> Next:
    """
    Look, claim the job, take the step, let go; what the chain's message should do next.

    What the services answer never raises here: it becomes an outcome, and the outcome becomes
    rows.
    """
    subject = Subject(job_id, run=run, segment=index, step=step.name)
    with about(subject):
        try:
            with _database():
                seen = step.see(desk, job_id, run, index)
            if seen is None:
                logger.debug("Job %s is not there for run %s: skipped", job_id, run)
                return SKIPPED
            taking = replace(subject, account=seen.account_name)
            with about(taking), watched(taking) as watch:
                return _take(desk, step, taking, seen, watch)
        except _NoDatabase:
            logger.warning("Job %s: the database does not answer; its message comes back", job_id)
            return Again(DATABASE_GAP, "waits: the database does not answer")


class _NoDatabase(Exception):
    """It was away before anything was done for the job."""


@contextmanager
def _database() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise _NoDatabase from error


def _take(desk: Desk, step: Step, subject: Subject, seen: Seen, watch: Watch) -> Next:
    try:
        looked = _looked(desk, step, seen)
        if isinstance(looked, Next):
            watch.passed(looked)
            return looked
        taken = _begin(desk, step, subject, seen, looked, watch)
    except ClaimLost as lost:
        return _lost(lost, watch)
    except _NoDatabase:
        raise
    except Exception:
        if (end := _broke(desk, subject, seen, watch)) is None:
            raise
        return end
    return taken if isinstance(taken, Next) else _act(desk, step, *taken, watch)


def _looked(desk: Desk, step: Step, seen: Seen) -> Any:
    """What the step has found without a claim; a trouble is a finding."""
    try:
        with _database():
            return step.look(desk, seen)
    except ThreadsWorkerError as trouble:
        return trouble


def _begin(
    desk: Desk, step: Step, subject: Subject, seen: Seen, looked: Any, watch: Watch
) -> Next | tuple[Claim, Any]:
    """
    Claim the job and write the intent down: the claim, and what the step has begun with.

    When COMMIT gets no answer, the database is asked: if the claim is there, so is the intent.
    """
    claim, begun = None, None
    following: Next = SKIPPED
    try:
        with desk.transaction() as session:
            claim = _claim(desk, session, subject, seen)
            if claim is not None:
                begun = _begun(desk, step, session, claim, looked)
            if claim is not None and isinstance(begun, Outcome):
                following = in_rows(desk, session, claim, begun, watch)
    except (OperationalError, InterfaceError):
        is_over = claim is None or isinstance(begun, Outcome | Written)
        with _database(), desk.transaction() as session:
            if claim is None or is_over or not jobs.holds(session, claim):
                raise
    if claim is None:
        watch.outcome = "skipped"
        return following
    if isinstance(begun, Outcome):
        watch.came(begun)
        return following
    if isinstance(begun, Written):
        return _gone_on(begun, watch)
    return claim, begun


def _claim(desk: Desk, session: Session, subject: Subject, seen: Seen) -> Claim | None:
    claim = jobs.claim(
        session,
        subject.job,
        run=subject.run or 0,
        worker=desk.worker,
        lease=desk.settings.lease,
        epoch=seen.epoch,
    )
    if claim is None or seen.token_version is None:
        return claim
    # If Meta rejects the token that the step has seen, that says nothing of a newer one.
    return replace(claim, token_version=seen.token_version)


def _begun(desk: Desk, step: Step, session: Session, claim: Claim, looked: Any) -> Any:
    if claim.claims > POISON_CLAIMS:
        return _poisoned(claim)
    if isinstance(looked, ThreadsWorkerError):
        return outcome_of(looked, tries=claim.tries, dice=desk.dice)
    try:
        return step.begin(desk, session, claim, looked)
    except ClaimLost:
        raise
    except ThreadsWorkerError as error:
        return outcome_of(error, tries=claim.tries, dice=desk.dice)


def _act(desk: Desk, step: Step, claim: Claim, begun: Any, watch: Watch) -> Next:
    try:
        outcome = _outcome(desk, step, claim, begun)
        if isinstance(outcome, Written):
            return _gone_on(outcome, watch)
        with desk.transaction() as session:
            following = in_rows(desk, session, claim, outcome, watch)
        # Counted when it is committed, so that what is counted has happened.
        watch.came(outcome)
        return following
    except ClaimLost as lost:
        return _lost(lost, watch)
    except Exception:
        _let_go(desk, claim)
        raise


def _gone_on(written: Written, watch: Watch) -> Go:
    watch.came(written.outcome)
    return Go(written.outcome.said, written.outcome.delay)


def _lost(lost: ClaimLost, watch: Watch) -> Stop:
    logger.warning("%s: let go", lost)
    watch.outcome = "claim_lost"
    return Stop(said="let go: the job was taken by another worker")


def _outcome(desk: Desk, step: Step, claim: Claim, begun: Any) -> Outcome | Written:
    try:
        with kept(desk, claim):
            return step.act(desk, claim, begun)
    except ClaimLost:
        raise
    except ThreadsWorkerError as error:
        return outcome_of(error, tries=claim.tries, dice=desk.dice)


def _poisoned(claim: Claim) -> Outcome:
    return Review(
        Trouble(
            code="poison",
            message=f"{claim.claims - 1} workers took this job and none came back",
            advice="Look at the workers' logs, mend the cause, then retry the job.",
        )
    )


def _broke(desk: Desk, subject: Subject, seen: Seen, watch: Watch) -> Next | None:
    """
    Something broke before the job was claimed: have it counted, as if it had been.

    None if the job is left to a later run; else how its chain ends.
    """
    following: Next | None = None
    with desk.transaction() as session:
        claim = _claim(desk, session, subject, seen)
        if claim is not None and claim.claims > POISON_CLAIMS:
            following = in_rows(desk, session, claim, outcome := _poisoned(claim), watch)
    if following is not None:
        watch.came(outcome)
    elif claim is not None:
        _let_go(desk, claim)
    return following


def _let_go(desk: Desk, claim: Claim) -> None:
    """Something broke that nobody foresaw: leave the job to a later run, soon."""
    with desk.transaction() as session:
        now = clock(session)
        delay = backoff(claim.claims, dice=desk.dice)
        if jobs.let_go(session, claim, until=now + delay):
            jobs.record(session, claim, "broke", now=now)
