"""
Take one step of a job. The only place where outcomes become rows.

A step is short transactions with an effect between them: commit the intent, make the call,
commit the outcome. No transaction is open during a call. A worker that dies in the middle
leaves a claimed job, and whoever finds it after the lease asks what happened instead of
doing it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import Session

from threadsworker.errors import ClaimLost, ThreadsWorkerError
from threadsworker.job import (
    POISON_CLAIMS,
    Done,
    Early,
    Failed,
    Finished,
    Outcome,
    Review,
    Trouble,
    Wait,
    WaitReason,
    backoff,
)
from threadsworker.steps.desk import Desk, paused
from threadsworker.steps.lease import kept
from threadsworker.steps.troubles import outcome_of
from threadsworker.steps.watch import Watch, in_words, watched
from threadsworker.store import jobs, standing
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.subject import Subject, about

logger = logging.getLogger(__name__)

P = ParamSpec("P")
Step = Callable[Concatenate[Desk, Claim, P], Outcome]

#: How long a message waits for a database that does not answer.
DATABASE_GAP = timedelta(seconds=2)
#: What the way from a parked row to the publish step may take.
WAKING = timedelta(seconds=5)
#: Reasons that outlast a message: such a job is parked, whatever the delay.
_ALWAYS_PARKED = frozenset(
    {
        WaitReason.QUOTA,
        WaitReason.THROTTLED,
        WaitReason.GITHUB_LIMIT,
        WaitReason.NEEDS_RECONNECT,
        WaitReason.PAUSED,
    }
)

#: Reasons that a person ends, and with them the wait.
_HOLDS = frozenset({WaitReason.NEEDS_RECONNECT, WaitReason.PAUSED})


@dataclass(frozen=True)
class Go:
    """On to the chain's next message."""

    #: What was done; like those below for whoever watches in Flower.
    said: str = ""


@dataclass(frozen=True)
class Again:
    """The same message once more, in `delay`."""

    delay: timedelta
    said: str = ""


@dataclass(frozen=True)
class Stop:
    """The chain ends here; the row says who looks at the job again, and when."""

    #: Whether the job was at work until now: another one of its account may begin.
    makes_room: bool = False
    said: str = ""


@dataclass(frozen=True)
class Broken:
    """The chain ends here, and shows as failed."""

    trouble: Trouble
    #: Whether staged files can go: not while somebody has to find out what happened.
    clean: bool
    #: Whether the job is over; if not, a person has to look at it.
    over: bool = True


Next = Go | Again | Stop | Broken


def take(
    desk: Desk, step: Step[P], job_id: str, run: int, *args: P.args, **kwargs: P.kwargs
) -> Next:
    """
    Claim the job, take the step, let go; what the chain's message should do next.

    What the services answer never raises here: it becomes an outcome, and the outcome becomes
    rows.
    """
    index = next((one for one in args if isinstance(one, int)), None)
    subject = Subject(job_id, run=run, segment=index, step=getattr(step, "__name__", None))
    with about(subject):
        try:
            claim = _claim(desk, job_id, run)
        except (OperationalError, InterfaceError):
            logger.warning("Job %s: the database does not answer; its message comes back", job_id)
            return Again(DATABASE_GAP, "waits: the database does not answer")
        if claim is None:
            logger.debug("Job %s is not there for run %s: skipped", job_id, run)
            return Stop(said="skipped: the job is not there for this run any more")
        taking = replace(subject, account=claim.account)
        with about(taking), watched(taking) as watch:
            return _take(desk, step, claim, watch, *args, **kwargs)


def _take(
    desk: Desk, step: Step[P], claim: Claim, watch: Watch, *args: P.args, **kwargs: P.kwargs
) -> Next:
    try:
        if claim.claims > POISON_CLAIMS:
            return _decide(desk, claim, _poisoned(claim), watch)
        return _decide(desk, claim, _outcome(desk, step, claim, *args, **kwargs), watch)
    except ClaimLost as lost:
        logger.warning("%s: let go", lost)
        watch.outcome = "claim_lost"
        return Stop(said="let go: the job was taken by another worker")
    except Exception:
        _let_go(desk, claim)
        raise


def _claim(desk: Desk, job_id: str, run: int) -> Claim | None:
    with desk.transaction() as session:
        return jobs.claim(
            session,
            job_id,
            run=run,
            worker=desk.worker,
            lease=desk.settings.lease,
            now=clock(session),
        )


def _outcome(desk: Desk, step: Step[P], claim: Claim, *args: P.args, **kwargs: P.kwargs) -> Outcome:
    try:
        with kept(desk, claim):
            return step(desk, claim, *args, **kwargs)
    except ClaimLost:
        raise
    except ThreadsWorkerError as error:
        return outcome_of(error, tries=claim.tries, dice=desk.dice)


def _decide(desk: Desk, claim: Claim, outcome: Outcome, watch: Watch) -> Next:
    """Write what becomes of the job. Only the holder of the claim gets here."""
    logger.info("%s: %s", watch.doing, in_words(outcome))
    following = _written(desk, claim, outcome, watch)
    # Counted when it is committed, so that what is counted has happened.
    watch.came(outcome)
    return following


def _written(desk: Desk, claim: Claim, outcome: Outcome, watch: Watch) -> Next:
    with desk.transaction() as session:
        now = clock(session)
        match outcome:
            case Done(progress, said):
                silence = desk.settings.lease
                jobs.proceed(session, claim, silence=silence, now=now, progress=progress)
                if progress and claim.throttled:
                    standing.heard(session, claim.account_id, now=now)
                return Go(said)
            case Early(until):
                return _prepared(desk, session, claim, until, now=now)
            case Finished():
                jobs.finish(session, claim, now=now)
                jobs.record(session, claim, "published", now=now)
                watch.ends(due=jobs.due_at(session, claim.job_id), now=now)
                return Go("the job is published")
            case Failed(trouble):
                jobs.fail(session, claim, trouble, now=now)
                _record(session, claim, "failed", trouble, now=now)
                watch.ends(due=jobs.due_at(session, claim.job_id), now=now)
                return Broken(trouble, clean=True)
            case Review(trouble, recheck):
                again = now + recheck if recheck else None
                jobs.review(session, claim, trouble, now=now, recheck_at=again)
                _record(session, claim, "needs_review", trouble, now=now)
                watch.ends(due=jobs.due_at(session, claim.job_id), now=now)
                return Broken(trouble, clean=False, over=False)
            case Wait():
                return _wait(desk, session, claim, outcome, now=now)


def _wait(desk: Desk, session: Session, claim: Claim, wait: Wait, *, now: datetime) -> Next:
    until = now + wait.delay
    if wait.trouble is not None:
        jobs.note_trouble(session, claim, wait.trouble)
        _record(session, claim, "waiting", wait.trouble, now=now, reason=wait.reason)
        until = _account_waits(desk, session, claim, wait, now=now) or until
    elif wait.reason in _HOLDS and standing.hold(session, claim.account_id, now=now) is None:
        # It ended while this step was about to wait for its end.
        until = now
    parked = wait.rewind or wait.reason in _ALWAYS_PARKED or _too_long(desk, until - now)
    tries = claim.tries if wait.reason in _ALWAYS_PARKED else 0
    jobs.wait(
        session,
        claim,
        until=until,
        reason=wait.reason,
        tries=claim.tries + 1 if wait.counts else tries,
        silence=None if parked else desk.settings.lease,
    )
    said = f"waits: {wait.reason}, until {_told(until)}"
    return Stop(makes_room=True, said=said) if parked else Again(until - now, said)


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _too_long(desk: Desk, delay: timedelta) -> bool:
    """Whether a wait is a parked row, and no message."""
    return delay > desk.settings.max_countdown


def _account_waits(
    desk: Desk, session: Session, claim: Claim, wait: Wait, *, now: datetime
) -> datetime | None:
    """What a service said of the account holds for all of its jobs; until when, if it tells."""
    match wait.reason:
        case WaitReason.NEEDS_RECONNECT:
            disconnected = standing.disconnect(
                session,
                claim.account_id,
                token_version=claim.token_version,
                now=now,
                because=wait.trouble.message if wait.trouble else None,
            )
            # There is another token by now: on with that.
            return None if disconnected else now
        case WaitReason.THROTTLED:
            pause = standing.cool_down
        case WaitReason.GITHUB_LIMIT:
            pause = standing.cool_down_github
        case _:
            return None
    until = pause(session, claim.account_id, asked_for=wait.asked_for, now=now, dice=desk.dice)
    paused("threads" if pause is standing.cool_down else "github", until - now)
    return until


def _prepared(
    desk: Desk, session: Session, claim: Claim, until: datetime, *, now: datetime
) -> Next:
    """The post's time has not come: a message for the last minutes, a row for all before."""
    parked = _too_long(desk, until - now)
    # Woken so long before its time that the chain is at the publish step again by then.
    lead = min(desk.settings.max_countdown, 2 * desk.settings.dispatch_every + WAKING)
    jobs.postpone(
        session,
        claim,
        until=until - lead if parked else until,
        silence=None if parked else desk.settings.lease,
    )
    said = f"prepared: waits for its time, {_told(until)}"
    if parked:
        return Stop(makes_room=True, said=said)
    return Again(max(until - now, timedelta(0)), said)


def _record(
    session: Session, claim: Claim, what: str, trouble: Trouble, *, now: datetime, **data: Any
) -> None:
    jobs.record(session, claim, what, now=now, code=trouble.code, message=trouble.message, **data)


def _poisoned(claim: Claim) -> Outcome:
    return Review(
        Trouble(
            code="poison",
            message=f"{claim.claims - 1} workers took this job and none came back",
            advice="Look at the workers' logs, mend the cause, then retry the job.",
        )
    )


def _let_go(desk: Desk, claim: Claim) -> None:
    """Something broke that nobody foresaw: leave the job to a later run, soon."""
    with desk.transaction() as session:
        now = clock(session)
        delay = backoff(claim.claims, dice=desk.dice)
        if jobs.let_go(session, claim, until=now + delay):
            jobs.record(session, claim, "broke", now=now)
