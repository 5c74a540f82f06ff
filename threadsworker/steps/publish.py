"""
Make a segment public: at most once, whatever happens.

The container's status is read before anything is sent. One attempt is written down and
committed, then one ``threads_publish`` is sent, on a connection of its own and never
repeated. When nobody says what became of it, the container is asked, not Meta's listing
and not hope; a second send is only ever made for the same container, which yields one post
however often it is published.
"""

from __future__ import annotations

import logging
import random
import secrets
from datetime import datetime, timedelta

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import Session
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from threadsworker import counting
from threadsworker.counting.instruments import ATTEMPTS, LATENESS
from threadsworker.errors import (
    ApiError,
    ClaimLost,
    NeverSent,
    NoAnswer,
    NotReady,
    OutcomeUnknown,
    RateLimited,
    TokenRejected,
)
from threadsworker.job import (
    HARMLESS,
    PASSED,
    AttemptState,
    Done,
    Early,
    Failed,
    Outcome,
    SegmentState,
    Wait,
    WaitReason,
)
from threadsworker.post import MediaKind
from threadsworker.steps.audit import audit
from threadsworker.steps.desk import Desk
from threadsworker.steps.observe import bury, observe, patience
from threadsworker.steps.quota import full_until as quota_full_until
from threadsworker.steps.read_back import read_back
from threadsworker.steps.settle import settle
from threadsworker.steps.troubles import is_quota, lag, outcome_of, trouble_of
from threadsworker.steps.work import Work, load, record_live, record_share
from threadsworker.store import accounts, containers, jobs, quota, segments, standing
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.threads_api import Made, ThreadsApi

logger = logging.getLogger(__name__)

#: Seconds to the next send after Meta says that a container which reads FINISHED does not
#: exist yet. It is refused for some seconds after FINISHED; the same words mean a dead
#: container, so patience ends and another is made.
FINISHED_LAG = (1.0, 2.0, 3.0, 5.0, 5.0, 10.0)
#: Containers of a segment that are given up for this, before it counts as an answer.
MOST_ABANDONED = 2
NOT_PUBLISHABLE = "NOT_PUBLISHABLE"
#: Seconds for which a media id is tried to be stored: the database may be back by then.
STORE_PATIENCE = 300.0


def publish(desk: Desk, claim: Claim, index: int) -> Outcome:
    """Done when segment `index` is live, read back, and under the right parent."""
    work, account = load(desk, claim, index)
    api = desk.threads(account)
    if work.row.state == SegmentState.VERIFIED:
        return PASSED
    if work.live:
        return read_back(desk, claim, api, work)
    if work.container is None:
        return Wait(delay=desk.settings.dispatch_every, reason=WaitReason.BACKOFF, rewind=True)
    if _is_in_doubt(desk, work):
        outcome = _settled(desk, claim, api, work)
    else:
        outcome = observe(desk, claim, api, work.container)
        if isinstance(outcome, Done):
            _clear_of_doubt(desk, claim, work)
    if not isinstance(outcome, Done):
        return outcome
    work, _ = load(desk, claim, index)
    if work.live:
        return read_back(desk, claim, api, work)
    if work.container is not None and work.container.status == "PUBLISHED":
        return _settled(desk, claim, api, work)
    return _not_yet(desk, work) or audit(desk, api, work) or _send(desk, claim, api, work)


def _is_in_doubt(desk: Desk, work: Work) -> bool:
    """Whether a publish of the container may have happened, or may still happen."""
    container = work.container
    if container is not None and (container.published_at or container.restored_at):
        return True
    states = {attempt.state for attempt in work.attempts}
    proof = HARMLESS if desk.settings.sole_attempt_rule else {AttemptState.NOT_SENT}
    return not states <= proof


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


def _clear_of_doubt(desk: Desk, claim: Claim, work: Work) -> None:
    """
    publishing | in_doubt → publishable: no publish of this container is in doubt.

    A worker that was away may have told of a publish of the container before it.
    """
    doubtful = [SegmentState.PUBLISHING, SegmentState.IN_DOUBT]
    if work.row.state not in doubtful:
        return
    with desk.transaction() as session:
        jobs.check(session, claim)
        segments.move(session, work.row.id, source=doubtful, to=SegmentState.PUBLISHABLE)


def _not_yet(desk: Desk, work: Work) -> Outcome | None:
    """Why the segment is not to be sent now although it could be; None if it is."""
    with desk.reading() as session:
        now = clock(session)
    if work.row.index == 0 and work.scheduled_at is not None and work.scheduled_at > now:
        return Early(work.scheduled_at)
    ready_at = max(_rested_at(desk, work, now=now), _paced_at(work, now=now))
    if ready_at > now:
        return Wait(delay=ready_at - now, reason=WaitReason.PROCESSING)
    return None


def _rested_at(desk: Desk, work: Work, *, now: datetime) -> datetime:
    """A reply with a video is left alone for a while after FINISHED, or it loses its parent."""
    film = any(item.kind is MediaKind.VIDEO for item in work.planned.media)
    if not film or work.reply_to is None:
        return now
    assert work.container is not None
    return (work.container.finished_at or now) + desk.settings.video_reply_settle


def _paced_at(work: Work, *, now: datetime) -> datetime:
    """When the thread's own pace lets the segment follow the one before."""
    if work.parent_at is None:
        return now
    # The same whenever it is asked.
    extra = random.Random(work.row.id).random() * work.pace_jitter  # noqa: S311
    return work.parent_at + timedelta(seconds=work.pace + extra)


def _send(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome:
    """Write an attempt down, commit, send once, write down what came of it."""
    attempt_id = _authorise(desk, claim, work)
    if isinstance(attempt_id, Wait):
        return attempt_id
    assert work.container is not None
    try:
        made = api.publish_container(work.container.threads_id)
    except NeverSent as error:
        _close(desk, claim, work, attempt_id, AttemptState.NOT_SENT)
        return outcome_of(error, tries=claim.tries, dice=desk.dice)
    except TokenRejected as error:
        _close(desk, claim, work, attempt_id, AttemptState.REFUSED, error)
        return outcome_of(error, tries=claim.tries, dice=desk.dice)
    except NotReady as error:
        _close(desk, claim, work, attempt_id, AttemptState.REFUSED, error)
        return _not_known_yet(desk, claim, work, error)
    except OutcomeUnknown as error:
        cause = error.__cause__ if isinstance(error.__cause__, ApiError) else None
        _close(desk, claim, work, attempt_id, AttemptState.UNKNOWN, cause)
        if isinstance(cause, RateLimited):
            _limited(desk, claim, work, cause)
        logger.warning("Job %s: %s; the container is asked", claim.job_id, error)
        # Ask the container at once: most lost answers are settled by the first look.
        return Wait(delay=timedelta(seconds=0.5), reason=WaitReason.IN_DOUBT)
    _accepted(desk, claim, work, attempt_id, made)
    work, _ = load(desk, claim, work.row.index)
    return read_back(desk, claim, api, work)


def _limited(desk: Desk, claim: Claim, work: Work, error: RateLimited) -> None:
    """Whatever became of this publish, Meta wants no further one for a while."""
    with desk.transaction() as session:
        now = clock(session)
        if is_quota(error):
            accounts.lock(session, claim.account_id)
            quota.used_up(session, claim.account_id, work.quota, now=now)
        else:
            standing.cool_down(
                session, claim.account_id, asked_for=error.retry_after, now=now, dice=desk.dice
            )


def _twin_gap(work: Work, *, now: datetime) -> timedelta:
    """Usually its twin is published in a second; if the answer was lost, in minutes, or a day."""
    assert work.container is not None
    age = now - (work.container.finished_at or now)
    return min(max(age / 10, timedelta(seconds=1)), timedelta(minutes=5))


def _authorise(desk: Desk, claim: Claim, work: Work) -> str | Wait:
    """
    One row, one send; its id, or why the segment has to wait.

    Nothing is sent unless the row is known to be committed: when COMMIT gets no answer, the
    database is asked, and if it has the row and the claim still holds, that is as good.
    """
    attempt_id = secrets.token_hex(16)
    try:
        with desk.transaction() as session:
            if wait := _write_attempt(session, claim, work, attempt_id):
                return wait
    except (OperationalError, InterfaceError):
        with desk.transaction() as session:
            jobs.check(session, claim)
            if not containers.is_authorised(session, attempt_id):
                raise
    return attempt_id


def _write_attempt(session: Session, claim: Claim, work: Work, attempt_id: str) -> Wait | None:
    """None when it is written; a reason to wait when a twin is in flight, or the quota is full."""
    assert work.container is not None
    assert work.container.id is not None
    now = clock(session)
    jobs.check(session, claim, now=now)
    accounts.lock(session, claim.account_id)
    if (hold := standing.hold(session, claim.account_id, now=now)) is not None:
        # Since the step began a person, or Meta in another step, has asked for a pause.
        return Wait(hold.rest, hold.reason, rewind=True)
    if segments.has_twin_in_flight(session, work.row.id, account_id=claim.account_id):
        return Wait(delay=_twin_gap(work, now=now), reason=WaitReason.IN_DOUBT)
    if (full_until := quota_full_until(session, claim, work.quota, now=now)) is not None:
        return Wait(full_until - now, WaitReason.QUOTA, rewind=True)
    source = [SegmentState.PROCESSING, SegmentState.PUBLISHABLE]
    if not segments.move(session, work.row.id, source=source, to=SegmentState.PUBLISHING):
        raise ClaimLost(f"job {claim.job_id}: segment {work.row.index} is in another state now")
    containers.authorise(
        session,
        claim,
        attempt_id=attempt_id,
        segment_id=work.row.id,
        container_id=work.container.id,
        kind=work.quota,
        now=now,
    )
    jobs.record(
        session,
        claim,
        "publishing",
        now=now,
        segment=work.row.index,
        container=work.container.threads_id,
        attempt=attempt_id,
    )
    return None


def _close(
    desk: Desk,
    claim: Claim,
    work: Work,
    attempt_id: str,
    state: AttemptState,
    error: ApiError | None = None,
) -> None:
    """What became of the attempt is a fact; what that makes of the segment, the holder says."""
    in_doubt = state is AttemptState.UNKNOWN
    with desk.transaction() as session:
        containers.settle(
            session,
            attempt_id,
            state,
            http_status=error.http_status if error else None,
            code=error.stable_code if error else None,
        )
        if jobs.holds(session, claim):
            segments.move(
                session,
                work.row.id,
                source=[SegmentState.PUBLISHING],
                to=SegmentState.IN_DOUBT if in_doubt else SegmentState.PUBLISHABLE,
            )
    counting.count(ATTEMPTS, outcome=state)


@retry(
    retry=retry_if_exception_type((OperationalError, InterfaceError)),
    stop=stop_after_delay(STORE_PATIENCE),
    wait=wait_random_exponential(multiplier=0.2, max=5.0),
    reraise=True,
)
def _accepted(desk: Desk, claim: Claim, work: Work, attempt_id: str, made: Made) -> None:
    """
    A fact, in a commit of its own, at once: taken also from a worker that lost its claim.

    Tried for minutes if the database is away. Dying meanwhile costs no more than a look-up.
    """
    with desk.transaction() as session:
        containers.settle(session, attempt_id, AttemptState.ACCEPTED)
        quota.took_effect(session, attempt_id, now=clock(session))
        late = record_live(session, claim, work, made.id, "segment_published")
        if made.instagram is not None:
            record_share(session, claim, work, made.instagram)
    counting.count(ATTEMPTS, outcome=AttemptState.ACCEPTED)
    if late is not None:
        counting.observe(LATENESS, late.total_seconds())


def _not_known_yet(desk: Desk, claim: Claim, work: Work, error: NotReady) -> Outcome:
    """Refused, in words that say "not yet" and "never" alike."""
    with desk.reading() as session:
        now = clock(session)
        abandoned = containers.deaths(session, work.row.id, NOT_PUBLISHABLE)
    first_sent = work.attempts[0].sent_at if work.attempts else now
    pause = lag(now - first_sent, FINISHED_LAG)
    if pause is not None:
        return Wait(delay=pause, reason=WaitReason.PROCESSING)
    if _is_in_doubt(desk, work):
        # This send was refused, another one may not have been: its status will tell.
        return Wait(delay=patience(now - first_sent), reason=WaitReason.IN_DOUBT)
    if abandoned >= MOST_ABANDONED:
        return Failed(trouble_of(error))
    assert work.container is not None
    # Every attempt on this container was answered with a refusal, and none is outstanding:
    # it can be given up without the risk of a second post.
    return bury(desk, claim, work.container, death=NOT_PUBLISHABLE)
