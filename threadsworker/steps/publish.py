"""
Make a segment public: at most once, whatever happens.

The container's status is read before anything is sent. One attempt is written down and
committed, then one ``threads_publish`` is sent, on a connection of its own and never
repeated. When nobody says what became of it, the container is asked, not Meta's listing
and not hope; a second send is only ever made for the same container, which yields one post
however often it is published.
"""

from __future__ import annotations

import random
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from threadsworker import counting
from threadsworker.counting.instruments import PROCESSING_SECONDS
from threadsworker.errors import ApiError, NoAnswer, NotReady, RequestRefused
from threadsworker.job import (
    PASSED,
    Done,
    Early,
    Failed,
    Outcome,
    SegmentState,
    Wait,
    WaitReason,
)
from threadsworker.steps.audit import audit
from threadsworker.steps.desk import Desk
from threadsworker.steps.observe import OLDEST_CONTAINER, observe, patience, takes_long
from threadsworker.steps.outcomes import waits_until
from threadsworker.steps.read_back import read_back, unseen_above
from threadsworker.steps.send import authorise, is_in_doubt, send, write_attempt
from threadsworker.steps.settle import settle
from threadsworker.steps.step import SKIPPED, Again, Next, Step, Written
from threadsworker.steps.troubles import outcome_of
from threadsworker.steps.work import Work, load, see
from threadsworker.store import jobs, prompt, segments
from threadsworker.store.jobs import Claim
from threadsworker.threads_api import StatusCode, ThreadsApi


@dataclass(frozen=True)
class _Ready:
    """The container has just read FINISHED, and no publish of it was ever sent."""

    work: Work


@dataclass(frozen=True)
class _Authorised:
    """One send of the segment's container, which is written down and committed."""

    work: Work
    attempt_id: str


def _look(desk: Desk, work: Work) -> Work | _Ready | Next:
    """
    Look at a container of which no publish was ever sent: no claim is needed for that.

    Whatever else it finds than FINISHED or IN_PROGRESS is looked at again with the claim.
    """
    container = work.container
    if container is None or container.id is None or not _is_plain(desk, work):
        return work
    asked = time.monotonic()
    try:
        api = desk.threads(work.account, is_claimed=False)
        status = api.container_status(container.threads_id).status
    except (NotReady, RequestRefused):
        return work
    age = work.now - container.created_at
    if status is StatusCode.FINISHED:
        if container.finished_at is None:
            counting.observe(PROCESSING_SECONDS, age.total_seconds(), kind=container.kind)
        return _Ready(work)
    # From look to look: the way to Meta and back is a part of it.
    gap = desk.expectation(container.kind).gap(age)
    delay = max(timedelta(0), gap - timedelta(seconds=time.monotonic() - asked))
    is_long = takes_long(desk, age) or delay > desk.settings.max_countdown
    if status is not StatusCode.IN_PROGRESS or is_long:
        return work
    with desk.transaction() as session:
        is_free = prompt.still_processing(
            session,
            work.job.id,
            run=work.job.run,
            container_id=container.id,
            delay=delay,
            silence=desk.settings.lease,
        )
    said = waits_until(work.now + delay, WaitReason.PROCESSING)
    return Again(delay, said) if is_free else SKIPPED


def _is_plain(desk: Desk, work: Work) -> bool:
    """Whether nothing but its container's status can keep the segment from being sent now."""
    container = work.container
    return (
        container is not None
        # After a trouble Meta is given the time it takes.
        and work.job.tries == 0
        and not work.attempts
        and work.row.state in (SegmentState.PROCESSING, SegmentState.PUBLISHABLE)
        and container.published_at is None
        and container.restored_at is None
        and work.now - container.created_at < OLDEST_CONTAINER
        and work.row.audit_from is None
        and not work.is_below_unseen
        and _not_yet(desk, work) is None
    )


def _begin(
    desk: Desk, session: Session, claim: Claim, looked: Work | _Ready
) -> Outcome | Work | _Authorised:
    """For what is ready: one row, which authorises one send once it is committed."""
    if isinstance(looked, Work):
        return looked
    attempt_id = secrets.token_hex(16)
    wait = write_attempt(session, claim, looked.work, attempt_id)
    return wait or _Authorised(looked.work, attempt_id)


def _act(desk: Desk, claim: Claim, begun: Work | _Authorised) -> Outcome | Written:
    """Done when the segment is live."""
    api = desk.threads(begun.work.account if isinstance(begun, _Authorised) else begun.account)
    if isinstance(begun, _Authorised):
        return send(desk, claim, api, begun.work, begun.attempt_id)
    return _with_care(desk, claim, api, begun.row.index)


def _with_care(desk: Desk, claim: Claim, api: ThreadsApi, index: int) -> Outcome | Written:
    """Where something is in the way, or in doubt: all of it is found out with the claim in hand."""
    work = load(desk, claim, index)
    if work.row.state == SegmentState.VERIFIED:
        return PASSED
    if work.live:
        return read_back(desk, api, work.row)
    if work.container is None:
        return Wait(delay=desk.settings.dispatch_every, reason=WaitReason.BACKOFF, rewind=True)
    if is_in_doubt(desk, work):
        outcome = _settled(desk, claim, api, work)
    else:
        outcome = observe(desk, claim, api, work.container)
        if isinstance(outcome, Done):
            _make_publishable(desk, claim, work)
    if not isinstance(outcome, Done):
        return outcome
    work = load(desk, claim, index)
    if work.live:
        return read_back(desk, api, work.row)
    if work.container is not None and work.container.published_at is not None:
        return _settled(desk, claim, api, work)
    if held := _held_back(desk, api, work):
        return held
    attempt_id = authorise(desk, claim, work)
    if isinstance(attempt_id, Wait):
        return attempt_id
    return send(desk, claim, api, work, attempt_id)


def _held_back(desk: Desk, api: ThreadsApi, work: Work) -> Outcome | None:
    """Why the segment is not to be sent now although it could be; None if it is."""
    return unseen_above(desk, api, work) or _not_yet(desk, work) or audit(desk, api, work)


PUBLISH = Step("publish", see=see, look=_look, begin=_begin, act=_act)


def _settled(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome:
    """While a publish is in doubt nothing fails the job: the post may be live."""
    try:
        return settle(desk, claim, api, work)
    except (ApiError, NoAnswer) as error:
        outcome = outcome_of(error, tries=claim.tries, dice=desk.dice)
    if isinstance(outcome, Failed):
        pause = patience(timedelta(0))
        return Wait(delay=pause, reason=WaitReason.IN_DOUBT, trouble=outcome.trouble)
    return outcome


def _make_publishable(desk: Desk, claim: Claim, work: Work) -> None:
    """
    processing | publishing | in_doubt → publishable: no publish of this container is in doubt.

    A worker that was away may have told of a publish of the container before it.
    """
    if work.row.state == SegmentState.PUBLISHABLE:
        return
    source = [SegmentState.PROCESSING, SegmentState.PUBLISHING, SegmentState.IN_DOUBT]
    with desk.transaction() as session:
        jobs.check(session, claim)
        segments.move(session, work.row.id, source=source, to=SegmentState.PUBLISHABLE)


def _not_yet(desk: Desk, work: Work) -> Outcome | None:
    """If its time has not come: the thread's, or the segment's own behind the one before."""
    now, starts_at = work.now, work.job.scheduled_at
    if work.before is None and starts_at is not None and starts_at > now:
        return Early(starts_at)
    ready_at = max(_rested_at(desk, work, now=now), _paced_at(work, now=now))
    if ready_at > now:
        return Wait(delay=ready_at - now, reason=WaitReason.PROCESSING)
    return None


def _rested_at(desk: Desk, work: Work, *, now: datetime) -> datetime:
    """A reply with a video is left alone for a while after FINISHED, or it loses its parent."""
    if not work.has_film or work.reply_to is None:
        return now
    assert work.container is not None
    return (work.container.finished_at or now) + desk.settings.video_reply_settle


def _paced_at(work: Work, *, now: datetime) -> datetime:
    """When the thread's own pace lets the segment follow the one before."""
    if work.parent_at is None:
        return now
    # The same whenever it is asked.
    extra = random.Random(work.row.id).random() * work.job.pace_jitter  # noqa: S311
    return work.parent_at + timedelta(seconds=work.job.pace + extra)
