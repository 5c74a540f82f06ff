"""Ask Meta what became of a container, and bury it if it can never be published."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from threadsworker.counting import observe as observe_seconds
from threadsworker.counting.instruments import PROCESSING_SECONDS
from threadsworker.errors import NotReady, RequestRefused
from threadsworker.job import (
    RECHECK,
    Done,
    Failed,
    Outcome,
    Review,
    SegmentState,
    Trouble,
    Wait,
    WaitReason,
)
from threadsworker.steps.desk import Desk
from threadsworker.steps.parallel import all_at_once
from threadsworker.store import containers, segments
from threadsworker.store.containers import TOO_OLD
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.store.segments import REBUILD
from threadsworker.store.tables import ContainerRow
from threadsworker.threads_api import ContainerStatus, StatusCode, ThreadsApi

#: How long Meta may not know a container that it has just made.
UNKNOWN_FOR = timedelta(minutes=5)
#: How long a container may be unknown to Meta after a publish until a person is asked: a
#: living one would have expired long before.
NOT_FOUND_FOR = timedelta(hours=26)
#: Age after which a container that was never sent is given up: it dies after 24 hours.
OLDEST_CONTAINER = timedelta(hours=20)
#: What a person does about a publish in doubt.
LOOK = "Look into the Threads app whether the post is there, then `threadsworker resolve` the job."
#: Words of Meta's that mean: the media will never do. Its own spelling is the first.
#: Source: page "troubleshooting" (2026-04-21).
DEFECTS = frozenset(
    {
        "INVALID_ASPEC_RATIO",
        "INVALID_ASPECT_RATIO",
        "INVALID_BIT_RATE",
        "INVALID_DURATION",
        "INVALID_FRAME_RATE",
        "FAILED_FRAME_RATE",
        "INVALID_AUDIO_CHANNELS",
        "INVALID_AUDIO_CHANNEL_LAYOUT",
    }
)


def observe(desk: Desk, claim: Claim, api: ThreadsApi, container: ContainerRow) -> Outcome:
    """
    Done when the container reads FINISHED or PUBLISHED; else what to do about it.

    Only for containers of which no publish was ever sent: others are for `settle`.
    """
    return observe_all(desk, claim, api, [container])[0]


def observe_all(
    desk: Desk, claim: Claim, api: ThreadsApi, found: Sequence[ContainerRow]
) -> list[Outcome]:
    """The same of several at a time, which is kept in one commit."""

    def ask(container: ContainerRow) -> ContainerStatus | None:
        if _is_too_old(desk, container, now):
            return None
        try:
            return api.container_status(container.threads_id)
        except (NotReady, RequestRefused):
            return None

    with desk.reading() as session:
        now = clock(session)
    answers = list(zip(found, all_at_once(ask, found), strict=True))
    told = [(one, status) for one, status in answers if status is not None]
    if told:
        with desk.transaction() as session:
            now = clock(session)
            for container, status in told:
                assert container.id is not None
                containers.observed(session, container.id, status=status.status, now=now)
    return [_judged(desk, claim, container, status, now) for container, status in answers]


def _is_too_old(desk: Desk, container: ContainerRow, now: datetime) -> bool:
    """Whether it might die between this look and its publish, and can be given up."""
    return now - container.created_at > OLDEST_CONTAINER and knows_all(desk, container)


def _judged(
    desk: Desk, claim: Claim, container: ContainerRow, status: ContainerStatus | None, now: datetime
) -> Outcome:
    age = now - container.created_at
    if status is None:
        if _is_too_old(desk, container, now):
            return bury(desk, claim, container, death=TOO_OLD)
        return _not_known(desk, claim, container, age)
    if status.status is StatusCode.FINISHED and container.finished_at is None:
        observe_seconds(PROCESSING_SECONDS, age.total_seconds(), kind=container.kind)
    if status.status in (StatusCode.FINISHED, StatusCode.PUBLISHED):
        return Done(said=f"container {container.threads_id} {status.status}")
    if status.status is StatusCode.IN_PROGRESS:
        return Wait(
            delay=desk.expectation(container.kind).gap(age),
            reason=WaitReason.PROCESSING,
            rewind=takes_long(desk, age),
        )
    words = status.error_message or status.status
    if words in DEFECTS:
        return Failed(
            Trouble(
                code=f"threads.container.{words}",
                message=f"Meta cannot use the {container.kind}: {words}",
                advice="Change the media as Meta's media specifications ask.",
            )
        )
    return bury(desk, claim, container, death=words, dead=True)


def knows_all(desk: Desk, container: ContainerRow) -> bool:
    """Whether the rows hold every publish of the container that was ever authorised."""
    return desk.settings.sole_attempt_rule and container.restored_at is None


def bury(
    desk: Desk, claim: Claim, container: ContainerRow, *, death: str, dead: bool = False
) -> Outcome:
    """
    Give the container up and start again with another; the budget ends this.

    `dead`: Meta says so. Else it is given up only if no publish of it can have happened.
    """
    assert container.id is not None
    with desk.transaction() as session:
        buried = containers.bury(session, claim, container.id, death=death, dead=dead)
        if buried:
            segments.move(
                session,
                container.segment_id,
                source=REBUILD,
                to=SegmentState.READY_TO_CREATE,
            )
    if not buried:
        # A publish of it may have happened after all: look again from the start.
        return Wait(delay=timedelta(seconds=1), reason=WaitReason.IN_DOUBT, rewind=True)
    return Wait(
        delay=timedelta(seconds=1),
        reason=WaitReason.PROCESSING,
        rewind=True,
        trouble=Trouble(
            code=f"threads.container.{death}",
            message=f"Meta gave a container up: {death}",
            advice="Nothing: another one is made.",
        ),
    )


def _not_known(desk: Desk, claim: Claim, container: ContainerRow, age: timedelta) -> Outcome:
    if age < UNKNOWN_FOR:
        return Wait(delay=timedelta(seconds=1), reason=WaitReason.PROCESSING)
    if not knows_all(desk, container) and container.item == 0:
        # The database may have forgotten a publish of it.
        return unknown(desk, since=container.created_at)
    return bury(desk, claim, container, death="NOT_FOUND")


def unknown(desk: Desk, *, since: datetime) -> Outcome:
    """
    A container that may have been published, `since` then, and that Meta does not know.

    That is no proof of death: only PUBLISHED, EXPIRED or ERROR decides.
    """
    with desk.reading() as session:
        age = clock(session) - since
    if age < NOT_FOUND_FOR:
        return Wait(delay=patience(age), reason=WaitReason.IN_DOUBT, rewind=takes_long(desk, age))
    return Review(
        Trouble(
            code="in_doubt_not_found",
            message="a publish was sent and Meta no longer knows its container",
            advice=LOOK,
        ),
        recheck=RECHECK,
    )


def takes_long(desk: Desk, age: timedelta) -> bool:
    """
    Whether what a job waits for since `age` is to be a parked row by now.

    So it gives its place to another job of the account.
    """
    return age > desk.settings.max_countdown


def patience(age: timedelta) -> timedelta:
    """Between two looks at something that may take a day: from a minute to an hour."""
    return min(max(age / 10, timedelta(minutes=1)), timedelta(hours=1))
