"""What became of a step, in rows. The only place where outcomes become rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from threadsworker.job import (
    Done,
    Early,
    Failed,
    Finished,
    Outcome,
    Review,
    Trouble,
    Wait,
    WaitReason,
)
from threadsworker.steps.desk import Desk, paused
from threadsworker.steps.step import Again, Broken, Go, Next, Stop
from threadsworker.steps.watch import Watch
from threadsworker.store import jobs, standing
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim

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


def in_rows(desk: Desk, session: Session, claim: Claim, outcome: Outcome, watch: Watch) -> Next:
    """Write what becomes of the job, which is let go. Only the holder of the claim gets here."""
    if isinstance(outcome, Done):
        silence, delay = desk.settings.lease, outcome.delay
        jobs.proceed(session, claim, silence=silence, progress=outcome.progress, delay=delay)
        if outcome.progress and claim.throttled:
            standing.heard(session, claim.account_id, now=clock(session))
        return Go(outcome.said, delay)
    if isinstance(outcome, Finished):
        due, now = jobs.finish(session, claim)
        watch.ends(due=due, now=now)
        return Go("the job is published")
    now = clock(session)
    match outcome:
        case Early(until):
            return _prepared(desk, session, claim, until, now=now)
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
    said = waits_until(until, wait.reason)
    return Stop(makes_room=True, said=said) if parked else Again(until - now, said)


def waits_until(until: datetime, reason: WaitReason) -> str:
    """For whoever watches in Flower."""
    return f"waits: {reason}, until {_told(until)}"


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
