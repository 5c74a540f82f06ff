"""
Meta's rules, each with a stable id, the limit, and what was given.

Every check reports all that it finds; nothing stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threadsworker.errors import Problem
from threadsworker.plan.attachments import check_attachments, is_link
from threadsworker.plan.combinations import check_combinations, check_links_of_root
from threadsworker.plan.countries import COUNTRIES
from threadsworker.plan.spoilers import check_ranges
from threadsworker.post import (
    ALT_TEXT_LIMIT,
    CAROUSEL_MAX,
    LINK_LIMIT,
    SPOILER_LIMIT,
    TEXT_LIMIT,
    TOPIC_FORBIDDEN,
    TOPIC_LIMIT,
    MediaItem,
    Post,
    Segment,
)
from threadsworker.text import is_hashtag, links, measure, no_character


def check_post(post: Post, media: Sequence[MediaItem]) -> Iterator[Problem]:
    """What is wrong with the post before it is laid out."""
    content = (post.text.strip(), media, post.media, post.tags, post.links)
    if not any(content) and post.text_attachment is None and post.gif is None:
        yield empty()
    yield from _characters(post, media)
    yield from _tags(post)
    yield from _topic(post)
    yield from _alt_texts(media)
    yield from _ids(post)
    yield from _countries(post)
    yield from _links(post)
    yield from check_attachments(post)
    yield from check_ranges(post)
    yield from check_combinations(post, has_media=bool(media))


def check_segments(post: Post, segments: Sequence[Segment]) -> Iterator[Problem]:
    """What is wrong with the segments of the post."""
    if not post.chain and len(segments) > 1:
        yield from _does_not_fit(post, segments)
    if post.ghost and len(segments) > 1:
        yield Problem(
            "threads.ghost.thread",
            f"A ghost post is one post, and this takes {len(segments)}",
            "text",
            1,
            len(segments),
        )
    yield from check_links_of_root(post, segments)
    for segment in segments:
        yield from _link_count(segment)
        if len(segment.spoilers) > SPOILER_LIMIT:
            yield Problem(
                "threads.spoilers.too_many",
                f"A post has at most {SPOILER_LIMIT} spoilers, and this has "
                f"{len(segment.spoilers)}",
                f"segment {segment.index + 1}",
                SPOILER_LIMIT,
                len(segment.spoilers),
            )


def empty() -> Problem:
    """There is nothing to publish."""
    return Problem("post.empty", "A post has a text or at least one medium", "text", 1, 0)


def _does_not_fit(post: Post, segments: Sequence[Segment]) -> Iterator[Problem]:
    length = measure(post.text.strip())
    count = sum(len(segment.media) for segment in segments)
    if count > CAROUSEL_MAX:
        yield Problem(
            "threads.media.too_many",
            f"One post takes {CAROUSEL_MAX} media, and these are {count}; allow a thread",
            "media",
            CAROUSEL_MAX,
            count,
        )
    if length > TEXT_LIMIT or count <= CAROUSEL_MAX:
        yield Problem(
            "threads.text.too_long",
            f"One post takes {TEXT_LIMIT} characters, and this takes {length} or has breaks; "
            "shorten it or allow a thread",
            "text",
            TEXT_LIMIT,
            length,
        )


def _link_count(segment: Segment) -> Iterator[Problem]:
    found = set(links(segment.text))
    attached = segment.text_attachment.link if segment.text_attachment else None
    found |= {link for link in (segment.link, attached) if link}
    if len(found) > LINK_LIMIT:
        yield Problem(
            "threads.links.too_many",
            f"A post has at most {LINK_LIMIT} different links, and this has {len(found)}; put a "
            "line of --- between them to make two posts",
            f"segment {segment.index + 1}",
            LINK_LIMIT,
            len(found),
        )


def _characters(post: Post, media: Sequence[MediaItem]) -> Iterator[Problem]:
    for where, text in _written(post, media):
        if text and (found := no_character(text)) is not None:
            yield Problem(
                "text.invalid_character",
                f"It holds {found}, which is no character",
                where,
                given=found,
            )


def _written(post: Post, media: Sequence[MediaItem]) -> Iterator[tuple[str, str | None]]:
    """Everything of a post that somebody wrote, and where it stands."""
    yield from (("text", post.text), ("topic", post.topic), ("location_id", post.location_id))
    yield from (("tags", tag) for tag in post.tags)
    yield from (("links", link) for link in post.links)
    yield from ((f"media {n}", item.alt_text) for n, item in enumerate(media, start=1))
    if post.poll is not None:
        yield from (("poll", option) for option in post.poll.options)
    if post.gif is not None:
        yield "gif", post.gif.gif_id
    if post.text_attachment is not None:
        yield "text_attachment", post.text_attachment.plaintext
        yield "text_attachment", post.text_attachment.link


def _tags(post: Post) -> Iterator[Problem]:
    for index, tag in enumerate(post.tags):
        if not is_hashtag(tag if tag.startswith("#") else f"#{tag}"):
            yield Problem(
                "threads.tag.invalid",
                f"A tag has 1 to {TOPIC_LIMIT} characters, not only digits, no white space and "
                f"none of . & @ ! ? , ; : and this is {tag!r}",
                f"tags[{index}]",
                TOPIC_LIMIT,
                len(tag.removeprefix("#")),
            )


def _topic(post: Post) -> Iterator[Problem]:
    if post.topic is None:
        return
    topic = post.topic.removeprefix("#")
    if not topic.strip():
        yield Problem("threads.topic.empty", "A topic has at least one character", "topic", 1, 0)
    if len(topic) > TOPIC_LIMIT:
        yield Problem(
            "threads.topic.too_long",
            f"A topic has at most {TOPIC_LIMIT} characters, and this has {len(topic)}",
            "topic",
            TOPIC_LIMIT,
            len(topic),
        )
    if any(character in TOPIC_FORBIDDEN for character in topic):
        yield Problem(
            "threads.topic.invalid",
            f"A topic holds no . and no & and no line break or tab, and this is {topic!r}",
            "topic",
        )


def _alt_texts(media: Sequence[MediaItem]) -> Iterator[Problem]:
    for number, item in enumerate(media, 1):
        length = len(item.alt_text or "")
        if length > ALT_TEXT_LIMIT:
            yield Problem(
                "threads.alt_text.too_long",
                f"An alt text has at most {ALT_TEXT_LIMIT} characters, and this has {length}",
                f"media {number}",
                ALT_TEXT_LIMIT,
                length,
            )


def _ids(post: Post) -> Iterator[Problem]:
    for name in ("reply_to", "quote", "location_id"):
        value = getattr(post, name)
        if value is not None and not (value.isascii() and value.isdigit()):
            yield Problem(
                f"threads.{name}.invalid",
                f"It takes a numeric id of Meta's, and this is {value!r}",
                name,
            )


def _countries(post: Post) -> Iterator[Problem]:
    for index, code in enumerate(post.countries):
        if code.upper() not in COUNTRIES:
            yield Problem(
                "threads.countries.invalid",
                f"A country is two letters of ISO 3166-1 (GB, not UK), and this is {code!r}",
                f"countries[{index}]",
                given=code,
            )


def _links(post: Post) -> Iterator[Problem]:
    for index, link in enumerate(post.links):
        if not is_link(link):
            yield Problem(
                "threads.link.invalid",
                f"A link is a public http or https URL, and this is {link!r}",
                f"links[{index}]",
            )
