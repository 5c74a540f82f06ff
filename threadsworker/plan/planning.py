"""Text, media, links and options of a post, laid out over the segments of its thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from threadsworker.errors import InvalidPost, Problem
from threadsworker.plan.bodies import Body, NoRoom, bodies
from threadsworker.plan.rules import check_post, check_segments, empty
from threadsworker.plan.spoilers import check_hidden, ranges, within
from threadsworker.post import CAROUSEL_MAX, TEXT_LIMIT, MediaItem, Post, Segment
from threadsworker.text import Unbreakable, measure


def plan(
    post: Post, media: Sequence[MediaItem], *, also: Sequence[Problem] = ()
) -> tuple[Segment, ...]:
    """
    The segments of the thread, root first.

    Parameters
    ----------
    media:
        The post's media after intake; `post.media` itself is not looked at.
    also:
        Problems found elsewhere, to be reported with those found here.

    Raises
    ------
    InvalidPost:
        With every rule that the post breaks.
    """
    problems = [*also, *check_post(post, media)]
    try:
        texts = bodies(post)
    except Unbreakable as error:
        problems.append(_unbreakable(error))
        texts = []
    except NoRoom:
        problems.append(_no_room())
        texts = []
    problems += check_hidden(post, texts) if texts else []
    segments = _laid_out(post, texts, media)
    problems += check_segments(post, segments)
    if not segments and not problems:
        problems.append(empty())
    if problems:
        raise InvalidPost(problems)
    return tuple(segments)


def _laid_out(post: Post, texts: list[Body], media: Sequence[MediaItem]) -> list[Segment]:
    batches = [tuple(media[i : i + CAROUSEL_MAX]) for i in range(0, len(media), CAROUSEL_MAX)]
    alone = bool(post.text_attachment or post.gif or post.links)
    count = max(len(texts), len(batches), int(alone))
    texts = [*texts, *([Body("")] * (count - len(texts)))]
    hidden = ranges(post)
    segments = [
        Segment(
            index=index,
            text=body.text,
            media=batches[index] if index < len(batches) else (),
            quote=post.quote if index == 0 or post.quote_all else None,
            reply_control=post.reply_control,
            reply_approvals=post.reply_approvals,
            countries=tuple(code.upper() for code in post.countries),
            spoilers=tuple(within(hidden, body)),
            spoiler_media=post.spoiler_media and index < len(batches),
        )
        for index, body in enumerate(texts)
    ]
    if segments:
        segments[0] = _with_root_options(post, segments[0])
    return _with_links(post, segments)


def _with_root_options(post: Post, root: Segment) -> Segment:
    return replace(
        root,
        topic=post.topic.removeprefix("#") if post.topic else None,
        poll=post.poll,
        gif=post.gif,
        text_attachment=post.text_attachment,
        location_id=post.location_id,
        ghost=post.ghost,
        share_to_instagram=post.share_to_instagram,
        instagram_dark_mode=post.instagram_dark_mode,
    )


def _with_links(post: Post, segments: list[Segment]) -> list[Segment]:
    """One link per text-only segment; what is left over goes into the text."""
    left = list(post.links)
    linked = []
    for segment in segments:
        if left and _takes_a_link(segment):
            segment = replace(segment, link=left.pop(0))
        linked.append(segment)
    for link in left:
        linked = _with_link_in_text(linked, link)
    return linked


def _takes_a_link(segment: Segment) -> bool:
    attachment = segment.text_attachment
    linked = attachment is not None and attachment.link is not None
    return not (segment.media or segment.poll or segment.gif or linked)


def _with_link_in_text(segments: list[Segment], link: str) -> list[Segment]:
    last = max((s.index for s in segments if s.text), default=None)
    if last is not None:
        joined = f"{segments[last].text}\n{link}"
        if measure(joined) <= TEXT_LIMIT:
            segments[last] = replace(segments[last], text=joined)
            return segments
    for index, segment in enumerate(segments):
        if not segment.text:
            segments[index] = replace(segment, text=link)
            return segments
    example = segments[-1] if segments else Segment(index=-1, text="")
    return [*segments, _continued(example, text=link)]


def _continued(last: Segment, *, text: str) -> Segment:
    """One more segment behind `last`, with what holds for every segment."""
    return Segment(
        index=last.index + 1,
        text=text,
        reply_control=last.reply_control,
        reply_approvals=last.reply_approvals,
        countries=last.countries,
        quote=last.quote if last.index > 0 else None,
    )


def _unbreakable(error: Unbreakable) -> Problem:
    return Problem(
        "threads.text.unbreakable",
        f"A link, mention, hashtag or character must stay whole, and {error}",
        "text",
        error.room,
        measure(error.whole),
    )


def _no_room() -> Problem:
    return Problem(
        "threads.tags.too_long",
        "The tags, marks and number that go on one segment leave no room for its text",
        "tags",
        TEXT_LIMIT,
    )
