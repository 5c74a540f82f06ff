"""
A publish was sent and nobody said what became of it: find out.

Only the container's status decides. PUBLISHED: it happened, and the media id is looked up
in the account's own listings. FINISHED after the quiet period: it did not, and the same
container may be tried again. EXPIRED: it never will. Everything else is waited for, and
what asking cannot settle is left to a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain

from threadsworker.errors import NotReady
from threadsworker.job import (
    HARMLESS,
    AttemptState,
    Done,
    Outcome,
    Review,
    SegmentState,
    Trouble,
    Wait,
    WaitReason,
    polling_gap,
)
from threadsworker.steps.desk import Desk
from threadsworker.steps.observe import bury
from threadsworker.steps.troubles import lag
from threadsworker.steps.work import Work
from threadsworker.store import containers, events, segments
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.threads_api import MediaObject, StatusCode, ThreadsApi

#: Attempts on one container; after these a person is asked.
MOST_ATTEMPTS = 3
#: A container that Meta does not know for this long after a publish is never decided by asking.
NOT_FOUND_FOR = timedelta(hours=26)
#: Seconds to the next look into the listings for a post that is live: 15 minutes in all.
LISTING_LAG = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 400.0)
#: Clocks differ: a post may carry a time from before we sent it.
CLOCK_SLACK = timedelta(seconds=120)

_KINDS = {
    "text": {"TEXT_POST", "TEXT"},
    "image": {"IMAGE"},
    "video": {"VIDEO"},
    "carousel": {"CAROUSEL_ALBUM", "CAROUSEL"},
}


def settle(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome:
    """Done when the segment is known to be live, or may be sent again."""
    container = work.container
    assert container is not None
    assert container.id is not None
    sent_at = work.attempts[-1].sent_at if work.attempts else container.created_at
    try:
        status = api.container_status(container.threads_id)
    except NotReady:
        return _not_found(desk, sent_at)
    with desk.transaction() as session:
        now = clock(session)
        containers.observed(session, container.id, status=status.status, now=now)
    match status.status:
        case StatusCode.PUBLISHED:
            return _identify(desk, claim, api, work, since=sent_at - CLOCK_SLACK)
        case StatusCode.EXPIRED:
            return bury(desk, claim, container, death="EXPIRED")
        case StatusCode.FINISHED if now >= sent_at + desk.settings.quiet_period:
            return _did_not_happen(desk, work)
        case StatusCode.ERROR if now >= sent_at + desk.settings.quiet_period:
            return _error_after_publish(desk, claim, api, work, since=sent_at - CLOCK_SLACK)
        case StatusCode.FINISHED | StatusCode.ERROR:
            remaining = sent_at + desk.settings.quiet_period - now
            gap = min(remaining, polling_gap("video", age=now - sent_at))
            return Wait(delay=gap, reason=WaitReason.QUIET_PERIOD)
        case _:
            gap = polling_gap("video", age=now - sent_at)
            return Wait(delay=gap, reason=WaitReason.IN_DOUBT)


def _did_not_happen(desk: Desk, work: Work) -> Outcome:
    """The quiet period is over and the container still reads FINISHED: it may be sent again."""
    unanswered = [a for a in work.attempts if a.state not in HARMLESS]
    if len(unanswered) >= MOST_ATTEMPTS:
        return Review(
            Trouble(
                code="in_doubt",
                message=f"{len(unanswered)} publishes of segment {work.row.index} were sent "
                "and none took effect or was refused",
                advice="Look into the Threads app whether the post is there, then resolve the job.",
            )
        )
    with desk.transaction() as session:
        for attempt in work.attempts:
            containers.settle(session, attempt.id, AttemptState.UNKNOWN)
        segments.move(
            session,
            work.row.id,
            source=[SegmentState.PUBLISHING, SegmentState.IN_DOUBT],
            to=SegmentState.PUBLISHABLE,
        )
    return Done()


def _not_found(desk: Desk, sent_at: datetime) -> Outcome:
    """ "Not found" is no proof of death: keep asking, from every minute to every hour."""
    with desk.reading() as session:
        age = clock(session) - sent_at
    if age < NOT_FOUND_FOR:
        pause = min(max(age / 10, timedelta(minutes=1)), timedelta(hours=1))
        return Wait(delay=pause, reason=WaitReason.IN_DOUBT)
    return Review(
        Trouble(
            code="in_doubt_not_found",
            message="a publish was sent and Meta no longer knows its container",
            advice="Look into the Threads app whether the post is there, then resolve the job.",
        )
    )


def _error_after_publish(
    desk: Desk, claim: Claim, api: ThreadsApi, work: Work, *, since: datetime
) -> Outcome:
    """ERROR means "no post"; one look into the listings guards against Meta being wrong."""
    assert work.container is not None
    if _matches(desk, api, work, since=since):
        return Review(
            Trouble(
                code="error_but_live",
                message="the container reads ERROR, and a post like it is live",
                advice="Look into the Threads app whether it is this post, then resolve the job.",
            )
        )
    return bury(desk, claim, work.container, death="ERROR")


def _identify(desk: Desk, claim: Claim, api: ThreadsApi, work: Work, *, since: datetime) -> Outcome:
    """The segment is live; find its media id: a unique match or none."""
    found = _matches(desk, api, work, since=since)
    if len(found) == 1:
        with desk.transaction() as session:
            now = clock(session)
            if segments.published(
                session,
                work.row.id,
                media_id=found[0].id,
                reply_to=work.reply_to,
                now=now,
            ):
                events.record(
                    session,
                    claim.job_id,
                    "segment_found",
                    now=now,
                    run=claim.run,
                    epoch=claim.epoch,
                    segment=work.row.index,
                    media_id=found[0].id,
                )
        return Done()
    pause = lag(claim.tries, LISTING_LAG)
    if not found and pause is not None:
        return Wait(delay=pause, reason=WaitReason.IN_DOUBT, counts=True)
    return Review(
        Trouble(
            code="published_id_unknown",
            message=f"segment {work.row.index} is live and {len(found) or 'no'} posts look like it",
            advice="Find the post in the Threads app and resolve the job with its media id.",
        )
    )


def _matches(desk: Desk, api: ThreadsApi, work: Work, *, since: datetime) -> list[MediaObject]:
    """Posts of the account that look like this segment and are no other segment of ours."""
    alike = [post for post in _listings(api, work, since=since) if _looks_like(post, work)]
    alike = list({post.id: post for post in alike}.values())
    with desk.reading() as session:
        ours = segments.owned_media_ids(session, [post.id for post in alike])
    return [post for post in alike if post.id not in ours]


def _listings(api: ThreadsApi, work: Work, *, since: datetime) -> Iterator[MediaObject]:
    # A reply that Meta published without its parent shows up among the roots.
    if work.reply_to is None:
        return api.own_threads(since=since)
    return chain(api.own_replies(since=since), api.own_threads(since=since))


def _looks_like(post: MediaObject, work: Work) -> bool:
    if post.media_type is not None and post.media_type not in _KINDS[work.kind]:
        return False
    return _normalised(post.text or "") == _normalised(work.planned.text)


def _normalised(text: str) -> str:
    """Without what Meta may change: composition and white space."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()
