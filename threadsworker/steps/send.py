"""
One send of ``threads_publish``: written down and committed before, never repeated, and what came
of it written down after.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import Session
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from threadsworker import counting
from threadsworker.counting.instruments import ATTEMPTS, LATENESS
from threadsworker.errors import (
    ApiError,
    NeverSent,
    NotReady,
    OutcomeUnknown,
    RateLimited,
    TokenRejected,
)
from threadsworker.job import (
    HARMLESS,
    AttemptState,
    Done,
    Failed,
    Outcome,
    SegmentState,
    Wait,
    WaitReason,
)
from threadsworker.notice import NoticeEvent
from threadsworker.steps.desk import Desk
from threadsworker.steps.observe import bury, patience
from threadsworker.steps.quota import full_until as quota_full_until
from threadsworker.steps.step import Written
from threadsworker.steps.troubles import is_quota, lag, outcome_of, trouble_of
from threadsworker.steps.work import Work, let_know, note_second_post, record_share
from threadsworker.store import (
    accounts,
    clearance,
    containers,
    jobs,
    notices,
    prompt,
    quota,
    segments,
    standing,
)
from threadsworker.store.claims import lost, was_let_go
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


def is_in_doubt(desk: Desk, work: Work) -> bool:
    """Whether a publish of the container may have happened, or may still happen."""
    container = work.container
    if container is not None and (container.published_at or container.restored_at):
        return True
    states = {attempt.state for attempt in work.attempts}
    proof = HARMLESS if desk.settings.sole_attempt_rule else {AttemptState.NOT_SENT}
    return not states <= proof


def send(
    desk: Desk, claim: Claim, api: ThreadsApi, work: Work, attempt_id: str
) -> Outcome | Written:
    """Send the segment's container, once, and write down what came of it."""
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
    if not _accepted(desk, claim, work, attempt_id, made):
        raise lost(claim)
    return Written(Done(said=f"published {made.id}"))


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


def authorise(desk: Desk, claim: Claim, work: Work) -> str | Wait:
    """
    One row, one send; its id, or why the segment has to wait.

    Nothing is sent unless the row is known to be committed: when COMMIT gets no answer, the
    database is asked, and if it has the row and the claim still holds, that is as good.
    """
    attempt_id = secrets.token_hex(16)
    try:
        with desk.transaction() as session:
            jobs.check(session, claim, now=clock(session))
            if wait := write_attempt(session, claim, work, attempt_id):
                return wait
    except (OperationalError, InterfaceError):
        with desk.transaction() as session:
            jobs.check(session, claim)
            if not containers.is_authorised(session, attempt_id):
                raise
    return attempt_id


def write_attempt(session: Session, claim: Claim, work: Work, attempt_id: str) -> Wait | None:
    """None when it is written; a reason to wait when a twin is in flight, or the quota is full."""
    assert work.container is not None
    assert work.container.id is not None
    if (hold := standing.hold_the_row(session, claim.account_id)) is not None:
        # Since the step began a person, or Meta in another step, has asked for a pause.
        return Wait(hold.rest, hold.reason, rewind=True)
    where = {"job_id": claim.job_id, "segment_id": work.row.id}
    if not clearance.is_clear(session, claim.account_id, kind=work.quota, **where):
        now = clock(session)
        if segments.has_twin_in_flight(session, work.row.id, account_id=claim.account_id):
            return Wait(delay=_twin_gap(work, now=now), reason=WaitReason.IN_DOUBT)
        if (full_until := quota_full_until(session, claim, work.quota, now=now)) is not None:
            return Wait(full_until - now, WaitReason.QUOTA, rewind=True)
    prompt.authorise(
        session,
        claim,
        attempt_id=attempt_id,
        segment_id=work.row.id,
        index=work.row.index,
        container_id=work.container.id,
        threads_id=work.container.threads_id,
        kind=work.quota,
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
def _accepted(desk: Desk, claim: Claim, work: Work, attempt_id: str, made: Made) -> bool:
    """
    A fact, in a commit at once: taken also from a worker that lost its claim; False if it did.

    Tried for minutes if the database is away. Dying meanwhile costs no more than a look-up.
    What finds that all is written already, and the job let go, is the second of two tries, the
    first of which got no answer to its COMMIT.
    """
    with desk.transaction() as session:
        found = prompt.accepted(
            session,
            claim,
            attempt_id=attempt_id,
            segment_id=work.row.id,
            index=work.row.index,
            media_id=made.id,
            reply_to=work.reply_to,
            silence=desk.settings.lease,
        )
        is_held = found.is_held or (not found.is_news and was_let_go(session, claim))
        _tell(session, claim, work, made, found)
    counting.count(ATTEMPTS, outcome=AttemptState.ACCEPTED)
    if found.is_news and work.row.index == 0:
        counting.observe(LATENESS, (found.now - work.due_at).total_seconds())
    return is_held


def _tell(session: Session, claim: Claim, work: Work, made: Made, found: prompt.Accepted) -> None:
    """What else there is to be written, which is nothing as a rule."""
    now, index = found.now, work.row.index
    if not found.is_news:
        note_second_post(session, claim, work, made.id, now=now)
    else:
        if not work.account.is_active:
            standing.proven(session, claim.account_id)
        if not found.is_held:
            let_know(session, claim, now=now)
        if found.is_awaited:
            told = {"index": index, "media_id": made.id}
            notices.tell(session, NoticeEvent.SEGMENT_PUBLISHED, claim.job_id, now=now, **told)
    if claim.throttled:
        standing.heard(session, claim.account_id, now=now)
    if made.instagram is not None:
        record_share(session, claim, work, made.instagram)


def _not_known_yet(desk: Desk, claim: Claim, work: Work, error: NotReady) -> Outcome:
    """Refused, in words that say "not yet" and "never" alike."""
    with desk.reading() as session:
        now = clock(session)
        abandoned = containers.deaths(session, work.row.id, NOT_PUBLISHABLE)
    first_sent = work.attempts[0].sent_at if work.attempts else now
    pause = lag(now - first_sent, FINISHED_LAG)
    if pause is not None:
        return Wait(delay=pause, reason=WaitReason.PROCESSING)
    if is_in_doubt(desk, work):
        # This send was refused, another one may not have been: its status will tell.
        return Wait(delay=patience(now - first_sent), reason=WaitReason.IN_DOUBT)
    if abandoned >= MOST_ABANDONED:
        return Failed(trouble_of(error))
    assert work.container is not None
    # Every attempt on this container was answered with a refusal, and none is outstanding:
    # it can be given up without the risk of a second post.
    return bury(desk, claim, work.container, death=NOT_PUBLISHABLE)
