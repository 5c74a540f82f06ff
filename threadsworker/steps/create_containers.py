"""Make the containers of a segment, and ahead of time the carousel items of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlmodel import Session

from threadsworker.errors import ApiError, NoAnswer, NotReady, Unavailable
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
from threadsworker.steps.observe import OLDEST_CONTAINER, observe_all
from threadsworker.steps.parallel import as_they_come
from threadsworker.steps.read_back import Seen, look_back, unseen_above
from threadsworker.steps.step import Step, Written
from threadsworker.steps.troubles import is_final, lag, trouble_of
from threadsworker.steps.work import Work, load_after, record_share, see
from threadsworker.store import containers, prompt, segments, standing
from threadsworker.store.claims import lost
from threadsworker.store.containers import TOO_OLD
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.subject import carried
from threadsworker.threads_api import ContainerSpec, Made, MediaType, ThreadsApi

#: Containers made for one item of one segment before it is given up. Orphans are harmless:
#: they are invisible and die within a day.
BUDGET = 5
#: Seconds to the next try after Meta does not know the carousel's items yet (30 to 60
#: seconds were seen), and how often before they are made anew.
ITEM_LAG = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
#: Seconds to the next try after Meta does not know the parent yet. A few seconds were seen;
#: a deleted post is answered in the same words, for ever.
PARENT_LAG = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0)


def _see(desk: Desk, job_id: str, run: int, index: int | None) -> Work | None:
    return see(desk, job_id, run, index, media=True)


def _begin(desk: Desk, session: Session, _claim: Claim, work: Work) -> Outcome | Work:
    if work.live or work.container is not None:
        return PASSED
    if work.before is not None and work.reply_to is None:
        return Wait(delay=desk.settings.dispatch_every, reason=WaitReason.BACKOFF, rewind=True)
    segments.move(
        session,
        work.row.id,
        source=[SegmentState.READY_TO_CREATE],
        to=SegmentState.CREATING,
    )
    return work


def _act(desk: Desk, claim: Claim, work: Work) -> Outcome | Written:
    """
    Make the segment's container, after its carousel items if it has any.

    Carousel items need no parent, so those of all segments to come are made at once.
    """
    api = desk.threads(work.account)
    try:
        return (
            _create_items(desk, claim, api, work)
            or _await_items(desk, claim, api, work)
            or _create_post(desk, claim, api, work)
        )
    except Unavailable as error:
        if is_final(error, tries=claim.tries):
            return Failed(trouble_of(error))
        raise


CREATE_CONTAINERS = Step("create_containers", see=_see, begin=_begin, act=_act)


def _create_items(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome | None:
    """Make the carousel items that have no container: of this segment, and then of all to come."""
    missing = _missing_items(work)
    if missing or work.has_carousels_ahead:
        after = load_after(desk, claim, work)
        missing += [one for later in after for one in _missing_items(later)]
    if not missing:
        return None
    if outcome := _items_over_budget(desk, missing):
        return outcome

    def create(task: tuple[Work, int, MediaItem]) -> Made:
        of, _, item = task
        return api.create_container(_media_spec(of, item, carousel_item=True))

    for (of, position, item), made in as_they_come(create, missing):
        _record(desk, of, position, made.id, item.kind.value)
    # They are looked at by the message that comes back when the last of them may be ready.
    kinds = {item.kind.value for _, _, item in missing}
    delay = max(desk.expectation(kind).first_look() for kind in kinds)
    return Wait(delay=delay, reason=WaitReason.PROCESSING)


def _missing_items(work: Work) -> list[tuple[Work, int, MediaItem]]:
    if work.kind != "carousel" or work.live or work.container is not None:
        return []
    items = enumerate(work.planned.media, 1)
    return [(work, place, item) for place, item in items if place not in work.containers]


def _await_items(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome | None:
    """None when every carousel item of this segment reads FINISHED."""
    if not any(work.containers):
        return None
    pending = [
        container
        for item, container in sorted(work.containers.items())
        if item > 0 and container.status != "FINISHED"
    ]
    oldest = work.now - OLDEST_CONTAINER
    if any(one.item > 0 and one.created_at < oldest for one in work.containers.values()):
        # They would die in the hands of the carousel.
        return _items_anew(desk, claim, work, death=TOO_OLD)
    outcomes = observe_all(desk, claim, api, pending)
    worst = [outcome for outcome in outcomes if not isinstance(outcome, Done)]
    for outcome in worst:
        if not isinstance(outcome, Wait):
            return outcome
    return max(worst, key=lambda wait: (wait.rewind, wait.delay), default=None)  # type: ignore[union-attr]


def _create_post(desk: Desk, claim: Claim, api: ThreadsApi, work: Work) -> Outcome | Written:
    if outcome := _over_budget(work, work.made) or audit(desk, api, work):
        return outcome
    if work.is_below_film and (outcome := unseen_above(desk, api, work)):
        return outcome
    with ThreadPoolExecutor(max_workers=1) as pool:
        looked = pool.submit(carried(_look_back), api, work)
        try:
            made = api.create_container(_post_spec(work))
        except NotReady as error:
            return _not_known_yet(desk, claim, work, error)
        finally:
            back = looked.result()
    if isinstance(back, Review):
        # The container just made hangs in the wrong place: it is forgotten, and dies.
        return back
    return _made(desk, claim, work, made, back)


def _look_back(api: ThreadsApi, work: Work) -> Seen | Review | None:
    """The segment before, while this one's container is made; None if there is nothing to see."""
    if not work.is_below_unseen:
        return None
    assert work.before is not None
    try:
        return look_back(api, work.before)
    except (ApiError, NoAnswer):
        # Nothing is published below it until it was seen: there is time to look again.
        return None


def _made(desk: Desk, claim: Claim, work: Work, made: Made, back: Seen | None) -> Written:
    """Store the id, in a commit that is made at once, and let the job go."""
    delay = min(desk.expectation(work.kind).first_look(), desk.settings.max_countdown)
    with desk.transaction() as session:
        is_held = prompt.container_made(
            session,
            claim,
            segment_id=work.row.id,
            threads_id=made.id,
            kind=work.kind,
            seen=None if back is None or work.before is None else (work.before.id, back.permalink),
            silence=desk.settings.lease,
            delay=delay,
        )
        if claim.throttled:
            standing.heard(session, claim.account_id, now=clock(session))
        if made.instagram is not None:
            record_share(session, claim, work, made.instagram)
    if not is_held:
        raise lost(claim)
    return Written(Done(said=f"container {made.id}", delay=delay))


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
    """Store the id of a carousel item in a commit of its own, at once."""
    with desk.transaction() as session:
        containers.add(session, work.row.id, item=item, threads_id=threads_id, kind=kind)


def _over_budget(work: Work, made: int) -> Outcome | None:
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


def _items_over_budget(
    desk: Desk, missing: Sequence[tuple[Work, int, MediaItem]]
) -> Outcome | None:
    with desk.reading() as session:
        made = containers.made(session, {work.row.id for work, _, _ in missing})
    for work, place, _ in missing:
        if outcome := _over_budget(work, made.get((work.row.id, place), 0)):
            return outcome
    return None


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
