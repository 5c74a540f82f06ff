"""
A publish was sent and nobody said what became of it: find out.

Only the container's status decides. PUBLISHED: it happened, and the media id is looked up
in the account's own listings. FINISHED after the quiet period: it did not, and the same
container may be tried again. EXPIRED: it never will. Everything else is waited for, and
what asking cannot settle is left to a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import dropwhile

from threadsworker import counting
from threadsworker.counting.instruments import LATENESS, SETTLED
from threadsworker.errors import NotReady, RequestRefused
from threadsworker.job import (
    HARMLESS,
    RECHECK,
    AttemptState,
    Done,
    Outcome,
    Review,
    SegmentState,
    Trouble,
    Wait,
    WaitReason,
)
from threadsworker.polling import doubt_gap
from threadsworker.steps.desk import Desk
from threadsworker.steps.matching import look_alikes
from threadsworker.steps.observe import LOOK, bury, patience, takes_long, unknown
from threadsworker.steps.troubles import lag
from threadsworker.steps.work import Work, record_live
from threadsworker.store import containers, jobs, segments
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.store.tables import AttemptRow
from threadsworker.threads_api import StatusCode, ThreadsApi

#: Unanswered sends of one container; after these a person is asked.
MOST_ATTEMPTS = 3
#: Seconds to the next look into the listings for a post that is live: 15 minutes in all.
LISTING_LAG = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 400.0)
#: Clocks differ: a post may carry a time from before we sent it.
CLOCK_SLACK = timedelta(seconds=120)
#: Codes of publishes that met a limit of Meta's, and what the job waits for then.
_LIMITS = {
    "threads.9.2207042": WaitReason.QUOTA,
    "threads.613.4279002": WaitReason.THROTTLED,
    "threads.613": WaitReason.THROTTLED,
    "threads.429": WaitReason.THROTTLED,
    "threads.4": WaitReason.THROTTLED,
    "threads.17": WaitReason.THROTTLED,
    "threads.32": WaitReason.THROTTLED,
    "threads.341": WaitReason.THROTTLED,
}
#: The death of a container that read ERROR after a publish of it.
ERROR_AFTER_PUBLISH = "ERROR_AFTER_PUBLISH"


def settle(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome:
    """Done when the segment is known to be live, or may be sent again."""
    container = work.container
    assert container is not None
    assert container.id is not None
    times = [attempt.sent_at for attempt in work.attempts] or [container.created_at]
    # A publish that a restored database has forgotten was sent before that at the latest.
    first_sent = (container.created_at if container.restored_at else times[0]) - CLOCK_SLACK
    last_sent = max(times[-1], container.restored_at or times[-1])
    if container.published_at is not None:
        # It is live, whatever Meta says of it now.
        with desk.reading() as session:
            known_for = clock(session) - container.published_at
        return _identify(desk, claim, api, work, since=first_sent, known_for=known_for)
    try:
        status = api.container_status(container.threads_id)
    except (NotReady, RequestRefused):
        return unknown(desk, since=last_sent)
    with desk.transaction() as session:
        now = clock(session)
        containers.observed(session, container.id, status=status.status, now=now)
    quiet_until = last_sent + desk.settings.quiet_period
    match status.status:
        case StatusCode.PUBLISHED:
            return _identify(desk, claim, api, work, since=first_sent, known_for=timedelta(0))
        case StatusCode.EXPIRED:
            return bury(desk, claim, container, death="EXPIRED", dead=True)
        case StatusCode.FINISHED if now >= quiet_until:
            return _did_not_happen(desk, claim, work, age=now - last_sent)
        case StatusCode.ERROR if now >= quiet_until:
            return _error_after_publish(desk, claim, api, work, since=first_sent)
        case StatusCode.FINISHED | StatusCode.ERROR:
            gap = min(quiet_until - now, doubt_gap(now - last_sent))
            return Wait(
                delay=gap,
                reason=_refused_for(work.attempts[-1:]),
                rewind=takes_long(desk, now - last_sent),
            )
        case _:
            gap = doubt_gap(now - last_sent)
            return Wait(
                delay=gap, reason=WaitReason.IN_DOUBT, rewind=takes_long(desk, now - last_sent)
            )


def _refused_for(last: Sequence[AttemptRow]) -> WaitReason:
    """What the last publish was answered with: a throttle, a used-up quota, or nothing of use."""
    reasons = [_LIMITS[one.code] for one in last if one.code in _LIMITS]
    return reasons[0] if reasons else WaitReason.QUIET_PERIOD


def _sends_in_doubt(attempts: Sequence[AttemptRow]) -> int:
    """Sends since the first that nobody answered; those that met a limit are no evidence."""
    since = list(dropwhile(lambda one: one.state in HARMLESS, attempts))
    counted = [one for one in since if one.state != AttemptState.NOT_SENT]
    return sum(one.code not in _LIMITS for one in counted)


def _did_not_happen(desk: Desk, claim: Claim, work: Work, *, age: timedelta) -> Outcome:
    """The quiet period is over and the container still reads FINISHED: it may be sent again."""
    if desk.settings.republish_same_container == "never":
        # PUBLISHED or EXPIRED will tell, within a day.
        return Wait(delay=patience(age), reason=WaitReason.IN_DOUBT, rewind=takes_long(desk, age))
    sends = _sends_in_doubt(work.attempts)
    if sends >= MOST_ATTEMPTS:
        return Review(
            Trouble(
                code="in_doubt",
                message=f"segment {work.row.index} was sent {sends} times, and nobody said "
                "what became of it",
                advice=LOOK,
            ),
            recheck=RECHECK,
        )
    with desk.transaction() as session:
        jobs.check(session, claim)
        for attempt in work.attempts:
            if attempt.state == AttemptState.OPEN:
                containers.settle(session, attempt.id, AttemptState.UNKNOWN)
        segments.move(
            session,
            work.row.id,
            source=[SegmentState.PUBLISHING, SegmentState.IN_DOUBT],
            to=SegmentState.PUBLISHABLE,
        )
    counting.count(SETTLED, outcome="repeatable")
    return Done()


def _error_after_publish(
    desk: Desk, claim: Claim, api: ThreadsApi, work: Work, *, since: datetime
) -> Outcome:
    """ERROR means "no post", and one look guards against Meta being wrong; but only once."""
    if look_alikes(desk, api, work, since=since):
        return Review(
            Trouble(
                code="error_but_live",
                message="the container reads ERROR, and a post like it is live",
                advice=LOOK,
            )
        )
    with desk.reading() as session:
        before = containers.deaths(session, work.row.id, ERROR_AFTER_PUBLISH)
    if before:
        return Review(
            Trouble(
                code="error_after_publish",
                message=f"two containers of segment {work.row.index} read ERROR after they were "
                "published",
                advice=LOOK,
            )
        )
    assert work.container is not None
    return bury(desk, claim, work.container, death=ERROR_AFTER_PUBLISH, dead=True)


def _identify(
    desk: Desk,
    claim: Claim,
    api: ThreadsApi,
    work: Work,
    *,
    since: datetime,
    known_for: timedelta,
) -> Outcome:
    """The segment is live; find its media id: a unique match or none."""
    found = look_alikes(desk, api, work, since=since)
    with desk.reading() as session:
        # A post that is the only one to be seen yet may be the other's.
        twin = segments.has_twin_in_doubt(session, work.row.id, account_id=claim.account_id)
    if len(found) == 1 and not twin:
        with desk.transaction() as session:
            late = record_live(session, claim, work, found[0].id, "segment_found")
        counting.count(SETTLED, outcome="live")
        if late is not None:
            counting.observe(LATENESS, late.total_seconds())
        return Done()
    pause = lag(known_for, LISTING_LAG)
    if not found and pause is not None:
        return Wait(delay=pause, reason=WaitReason.IN_DOUBT)
    return Review(
        Trouble(
            code="published_id_unknown",
            message=f"segment {work.row.index} is live, and {len(found) or 'no'} posts of the "
            "account look like it",
            advice="Find the post in the Threads app, then `threadsworker resolve` the job with "
            "--published and its media id.",
        ),
        recheck=RECHECK,
    )
