"""
Make a segment public: at most once, whatever happens.

The container's status is read before anything is sent. One attempt is written down and
committed, then one ``threads_publish`` is sent, on a connection of its own and never
repeated. When nobody says what became of it, the container is asked, not Meta's listing
and not hope; a second send is only ever made for the same container, which yields one post
however often it is published.
"""

from __future__ import annotations

from datetime import timedelta

from threadsworker.errors import (
    ApiError,
    NeverSent,
    NotReady,
    OutcomeUnknown,
    TokenRejected,
)
from threadsworker.job import (
    HARMLESS,
    AttemptState,
    Done,
    Outcome,
    SegmentState,
    Wait,
    WaitReason,
)
from threadsworker.steps.desk import Desk
from threadsworker.steps.observe import bury, observe
from threadsworker.steps.read_back import read_back
from threadsworker.steps.settle import settle
from threadsworker.steps.troubles import lag, outcome_of
from threadsworker.steps.work import Work, load
from threadsworker.store import containers, events, jobs, segments
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.threads_api import ThreadsApi

#: Seconds to the next send after Meta says that a container which reads FINISHED does not
#: exist yet. It is refused for some seconds after FINISHED; the same words mean a dead
#: container, so patience ends and another is made.
FINISHED_LAG = (1.0, 2.0, 3.0, 5.0, 5.0, 10.0)


def publish(desk: Desk, claim: Claim, index: int) -> Outcome:
    """Done when segment `index` is live, read back, and under the right parent."""
    work, account = load(desk, claim, index)
    api = desk.threads(account)
    if work.row.state == SegmentState.VERIFIED:
        return Done()
    if work.live:
        return read_back(desk, claim, api, work)
    if work.container is None:
        return Wait(delay=desk.settings.dispatch_every, reason=WaitReason.BACKOFF, rewind=True)
    if any(attempt.state not in HARMLESS for attempt in work.attempts):
        outcome = settle(desk, claim, api, work)
    else:
        outcome = observe(desk, claim, api, work.container)
    if not isinstance(outcome, Done):
        return outcome
    work, _ = load(desk, claim, index)
    if work.live:
        return read_back(desk, claim, api, work)
    if work.container is not None and work.container.status == "PUBLISHED":
        return settle(desk, claim, api, work)
    return _send(desk, claim, api, work)


def _send(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome:
    """Write an attempt down, commit, send once, write down what came of it."""
    attempt_id = _authorise(desk, claim, work)
    assert work.container is not None
    try:
        media_id = api.publish_container(work.container.threads_id)
    except NeverSent as error:
        _close(desk, work, attempt_id, AttemptState.NOT_SENT)
        return outcome_of(error, tries=claim.tries, dice=desk.dice)
    except TokenRejected as error:
        _close(desk, work, attempt_id, AttemptState.REFUSED, error)
        return outcome_of(error, tries=claim.tries, dice=desk.dice)
    except NotReady as error:
        _close(desk, work, attempt_id, AttemptState.REFUSED, error)
        return _not_known_yet(desk, claim, work)
    except OutcomeUnknown as error:
        cause = error.__cause__ if isinstance(error.__cause__, ApiError) else None
        _close(desk, work, attempt_id, AttemptState.UNKNOWN, cause)
        # Ask the container at once: most lost answers are settled by the first look.
        return Wait(delay=timedelta(seconds=0.5), reason=WaitReason.IN_DOUBT)
    _accepted(desk, claim, work, attempt_id, media_id)
    work, _ = load(desk, claim, work.row.index)
    return read_back(desk, claim, api, work)


def _authorise(desk: Desk, claim: Claim, work: Work) -> str:
    """One row, one send. If this transaction does not commit, nothing is sent."""
    assert work.container is not None
    assert work.container.id is not None
    with desk.transaction() as session:
        now = clock(session)
        jobs.check(session, claim)
        segments.move(session, work.row.id, source=segments.REBUILD, to=SegmentState.PUBLISHING)
        attempt_id = containers.authorise(
            session,
            claim,
            segment_id=work.row.id,
            container_id=work.container.id,
            kind="reply" if work.reply_to else "post",
            now=now,
        )
        events.record(
            session,
            claim.job_id,
            "publishing",
            now=now,
            run=claim.run,
            epoch=claim.epoch,
            segment=work.row.index,
            container=work.container.threads_id,
            attempt=attempt_id,
        )
    return attempt_id


def _close(
    desk: Desk,
    work: Work,
    attempt_id: str,
    state: AttemptState,
    error: ApiError | None = None,
) -> None:
    in_doubt = state is AttemptState.UNKNOWN
    with desk.transaction() as session:
        containers.settle(
            session,
            attempt_id,
            state,
            http_status=error.http_status if error else None,
            code=error.stable_code if error else None,
        )
        segments.move(
            session,
            work.row.id,
            source=[SegmentState.PUBLISHING],
            to=SegmentState.IN_DOUBT if in_doubt else SegmentState.PUBLISHABLE,
        )


def _accepted(desk: Desk, claim: Claim, work: Work, attempt_id: str, media_id: str) -> None:
    """A fact, in a commit of its own, at once: taken also from a worker that lost its claim."""
    with desk.transaction() as session:
        now = clock(session)
        containers.settle(session, attempt_id, AttemptState.ACCEPTED)
        if segments.published(
            session, work.row.id, media_id=media_id, reply_to=work.reply_to, now=now
        ):
            events.record(
                session,
                claim.job_id,
                "segment_published",
                now=now,
                run=claim.run,
                epoch=claim.epoch,
                segment=work.row.index,
                media_id=media_id,
            )


def _not_known_yet(desk: Desk, claim: Claim, work: Work) -> Outcome:
    pause = lag(claim.tries, FINISHED_LAG)
    if pause is not None:
        return Wait(delay=pause, reason=WaitReason.PROCESSING, counts=True)
    assert work.container is not None
    # Every attempt on this container was answered with a refusal, and none is outstanding:
    # it can be given up without the risk of a second post.
    return bury(desk, claim, work.container, death="NOT_PUBLISHABLE")
