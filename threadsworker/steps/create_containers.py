"""Make the containers of a segment, and ahead of time the carousel items of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

from threadsworker.errors import NotReady, Unavailable
from threadsworker.job import (
    PASSED,
    Done,
    Failed,
    Outcome,
    Review,
    SegmentState,
    Trouble,
    Wait,
    WaitReason,
)
from threadsworker.post import MediaItem, MediaKind
from threadsworker.steps.audit import audit
from threadsworker.steps.desk import Desk
from threadsworker.steps.observe import OLDEST_CONTAINER, observe
from threadsworker.steps.troubles import is_final, lag, trouble_of
from threadsworker.steps.work import Work, load_from, record_share
from threadsworker.store import containers, jobs, segments
from threadsworker.store.containers import TOO_OLD
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.subject import carried
from threadsworker.threads_api import ContainerSpec, MediaType, ThreadsApi

#: Containers made for one item of one segment before it is given up. Orphans are harmless:
#: they are invisible and die within a day.
BUDGET = 5
#: Requests to Meta at the same time.
PARALLEL = 8
#: Seconds to the next try after Meta does not know the carousel's items yet (30 to 60
#: seconds were seen), and how often before they are made anew.
ITEM_LAG = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
#: Seconds to the next try after Meta does not know the parent yet. A few seconds were seen;
#: a deleted post is answered in the same words, for ever.
PARENT_LAG = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0)

Item = TypeVar("Item")


def create_containers(desk: Desk, claim: Claim, index: int) -> Outcome:
    """
    Make the container of segment `index`, after its carousel items if it has any.

    Carousel items need no parent, so those of all segments to come are made at once.
    """
    works, account = load_from(desk, claim, index)
    work, api = works[0], desk.threads(account)
    if work.live or work.container is not None:
        return PASSED
    if index > 0 and work.reply_to is None:
        return Wait(delay=desk.settings.dispatch_every, reason=WaitReason.BACKOFF, rewind=True)
    with desk.transaction() as session:
        jobs.check(session, claim)
        segments.move(
            session,
            work.row.id,
            source=[SegmentState.READY_TO_CREATE],
            to=SegmentState.CREATING,
        )
    try:
        return (
            _create_items(desk, api, works)
            or _await_items(desk, claim, api, work)
            or _create_post(desk, claim, api, work)
        )
    except Unavailable as error:
        if is_final(error, tries=claim.tries):
            return Failed(trouble_of(error))
        raise


def _create_items(desk: Desk, api: ThreadsApi, works: Sequence[Work]) -> Outcome | None:
    """Make the carousel items that have no container, of all these segments."""
    missing = [
        (work, position, item)
        for work in works
        if work.kind == "carousel" and not work.live and work.container is None
        for position, item in enumerate(work.planned.media, 1)
        if position not in work.containers
    ]
    if not missing:
        return None
    for work, position, _ in missing:
        if outcome := _over_budget(desk, work, position):
            return outcome

    def create(task: tuple[Work, int, MediaItem]) -> None:
        work, position, item = task
        spec = _media_spec(work, item, carousel_item=True)
        _record(desk, work, position, api.create_container(spec).id, item.kind.value)

    _all_at_once(create, missing)
    # Those just made are not FINISHED, and are looked at by the next message.
    return Wait(delay=timedelta(seconds=0.5), reason=WaitReason.PROCESSING)


def _await_items(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome | None:
    """None when every carousel item of this segment reads FINISHED."""
    pending = [
        container
        for item, container in sorted(work.containers.items())
        if item > 0 and container.status != "FINISHED"
    ]
    with desk.reading() as session:
        oldest = clock(session) - OLDEST_CONTAINER
    if any(one.item > 0 and one.created_at < oldest for one in work.containers.values()):
        # They would die in the hands of the carousel.
        return _items_anew(desk, claim, work, death=TOO_OLD)
    outcomes = _all_at_once(lambda container: observe(desk, claim, api, container), pending)
    worst = [outcome for outcome in outcomes if not isinstance(outcome, Done)]
    for outcome in worst:
        if not isinstance(outcome, Wait):
            return outcome
    return max(worst, key=lambda wait: (wait.rewind, wait.delay), default=None)  # type: ignore[union-attr]


def _create_post(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome:
    if outcome := _over_budget(desk, work, 0) or audit(desk, api, work):
        return outcome
    try:
        made = api.create_container(_post_spec(work))
    except NotReady as error:
        return _not_known_yet(desk, claim, work, error)
    _record(desk, work, 0, made.id, work.kind)
    if made.instagram is not None:
        with desk.transaction() as session:
            record_share(session, claim, work, made.instagram)
    return Done(said=f"container {made.id}")


def _not_known_yet(desk: Desk, claim: Claim, work: Work, error: NotReady) -> Outcome:
    """Meta does not know, or not yet, something that the container refers to."""
    about_items = error.code == 100
    pause = _pause(desk, claim, work, about_items=about_items)
    if pause is not None:
        return Wait(delay=pause, reason=WaitReason.PROCESSING, counts=True)
    if about_items:
        return _items_anew(desk, claim, work, death="not_usable")
    trouble = trouble_of(error)
    if work.row.index == 0:
        return Failed(trouble)
    return Review(
        Trouble(
            code="parent_missing",
            message=f"segment {work.row.index - 1} was published, and Meta does not know it: "
            + trouble.message,
            advice="Look whether the post was deleted; the rest cannot be hung under it.",
        )
    )


def _items_anew(desk: Desk, claim: Claim, work: Work, *, death: str) -> Outcome:
    """Give all carousel items of the segment up, and begin again."""
    with desk.transaction() as session:
        for container in work.containers.values():
            assert container.id is not None
            containers.bury(session, claim, container.id, death=death)
    return Wait(delay=timedelta(0), reason=WaitReason.PROCESSING, rewind=True)


def _pause(desk: Desk, claim: Claim, work: Work, *, about_items: bool) -> timedelta | None:
    """How long to wait for what Meta does not know; None when patience ends."""
    with desk.reading() as session:
        now = clock(session)
    if about_items:
        known = [one.finished_at or one.created_at for one in work.containers.values()]
        return lag(now - max(known, default=now), ITEM_LAG)
    if work.parent_at is not None:
        return lag(now - work.parent_at, PARENT_LAG)
    # A post of somebody else's: since when it is there, nobody can say.
    return timedelta(seconds=PARENT_LAG[claim.tries]) if claim.tries < len(PARENT_LAG) else None


def _record(desk: Desk, work: Work, item: int, threads_id: str, kind: str) -> None:
    """Store the id in a commit of its own, at once."""
    with desk.transaction() as session:
        containers.add(
            session,
            work.row.id,
            item=item,
            threads_id=threads_id,
            kind=kind,
            now=clock(session),
        )
        if item == 0:
            segments.move(
                session,
                work.row.id,
                source=[SegmentState.CREATING, SegmentState.READY_TO_CREATE],
                to=SegmentState.PROCESSING,
            )


def _over_budget(desk: Desk, work: Work, item: int) -> Outcome | None:
    with desk.reading() as session:
        made = containers.made(session, work.row.id, item=item)
    if made < BUDGET:
        return None
    return Failed(
        Trouble(
            code="container.budget",
            message=f"{made} containers were made for segment {work.row.index} and none could "
            "be published",
            advice="Look at the job's events for Meta's words; change the media if it names them.",
        )
    )


def _media_spec(work: Work, item: MediaItem, *, carousel_item: bool) -> ContainerSpec:
    image = item.kind is MediaKind.IMAGE
    return ContainerSpec(
        media_type=MediaType.IMAGE if image else MediaType.VIDEO,
        image_url=work.url(item) if image else None,
        video_url=None if image else work.url(item),
        alt_text=item.alt_text,
        is_carousel_item=carousel_item,
    )


def _post_spec(work: Work) -> ContainerSpec:
    planned = work.planned
    single = planned.media[0] if len(planned.media) == 1 else None
    children = tuple(
        container.threads_id for item, container in sorted(work.containers.items()) if item > 0
    )
    return ContainerSpec(
        media_type=MediaType[work.kind.upper()],
        text=planned.text or None,
        image_url=work.url(single) if single and single.kind is MediaKind.IMAGE else None,
        video_url=work.url(single) if single and single.kind is MediaKind.VIDEO else None,
        alt_text=single.alt_text if single else None,
        children=children,
        reply_to_id=work.reply_to,
        reply_control=planned.reply_control,
        allowlisted_country_codes=planned.countries,
        link_attachment=planned.link,
        quote_post_id=planned.quote,
        poll_attachment=planned.poll,
        topic_tag=planned.topic,
        is_spoiler_media=planned.spoiler_media,
        text_entities=planned.spoilers,
        text_attachment=planned.text_attachment,
        gif_attachment=planned.gif,
        is_ghost_post=planned.ghost,
        enable_reply_approvals=planned.reply_approvals,
        location_id=planned.location_id,
        crossreshare_to_ig=planned.share_to_instagram,
        crossreshare_to_ig_dark_mode=planned.instagram_dark_mode,
    )


Result = TypeVar("Result")


def _all_at_once(act: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`act` on every item, several at a time. All are tried; then the first error is raised."""
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        futures = [pool.submit(carried(act), item) for item in items]
    return [future.result() for future in futures]
