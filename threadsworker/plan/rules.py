"""
Meta's rules, each with a stable id, the limit, and what was given.

Every check reports all that it finds; nothing stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from threadsworker.errors import Problem
from threadsworker.post import (
    ALT_TEXT_LIMIT,
    CAROUSEL_MAX,
    LINK_LIMIT,
    POLL_OPTION_LIMIT,
    POLL_OPTIONS_MAX,
    POLL_OPTIONS_MIN,
    SPOILER_LIMIT,
    TEXT_ATTACHMENT_LIMIT,
    TEXT_LIMIT,
    TOPIC_FORBIDDEN,
    TOPIC_LIMIT,
    MediaItem,
    Post,
    Segment,
    Styling,
)
from threadsworker.text import is_hashtag, links, measure

STYLES = frozenset({"bold", "italic", "highlight", "underline", "strikethrough"})


def check_post(post: Post, media: Sequence[MediaItem]) -> Iterator[Problem]:
    """What is wrong with the post before it is laid out."""
    content = (post.text.strip(), media, post.media, post.tags, post.links)
    if not any(content) and post.text_attachment is None and post.gif is None:
        yield empty()
    yield from _characters(post)
    yield from _tags(post)
    yield from _topic(post)
    yield from _alt_texts(media)
    yield from _ids(post)
    yield from _countries(post)
    yield from _links(post)
    yield from _poll(post)
    yield from _text_attachment(post)
    yield from _spoiler_ranges(post)
    yield from _exclusions(post, has_media=bool(media))


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
    if segment.link:
        found.add(segment.link)
    if len(found) > LINK_LIMIT:
        yield Problem(
            "threads.links.too_many",
            f"A post has at most {LINK_LIMIT} different links, and this has {len(found)}; put a "
            "line of --- between them to make two posts",
            f"segment {segment.index + 1}",
            LINK_LIMIT,
            len(found),
        )


def _characters(post: Post) -> Iterator[Problem]:
    for character in post.text:
        if character == "\0" or "\ud800" <= character <= "\udfff":
            yield Problem(
                "text.invalid_character",
                f"The text holds U+{ord(character):04X}, which is no character",
                "text",
            )
            return


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
        if not (len(code) == 2 and code.isascii() and code.isalpha()):
            yield Problem(
                "threads.countries.invalid",
                f"A country is two letters (ISO 3166-1 alpha-2), and this is {code!r}",
                f"countries[{index}]",
            )


def _links(post: Post) -> Iterator[Problem]:
    for index, link in enumerate(post.links):
        parts = urlsplit(link)
        spaced = any(character.isspace() for character in link)
        if parts.scheme not in ("http", "https") or not parts.netloc or spaced:
            yield Problem(
                "threads.link.invalid",
                f"A link is a public http or https URL, and this is {link!r}",
                f"links[{index}]",
            )


def _poll(post: Post) -> Iterator[Problem]:
    if post.poll is None:
        return
    count = len(post.poll.options)
    if not POLL_OPTIONS_MIN <= count <= POLL_OPTIONS_MAX:
        yield Problem(
            "threads.poll.options",
            f"A poll has {POLL_OPTIONS_MIN} to {POLL_OPTIONS_MAX} options, and this has {count}",
            "poll.options",
            POLL_OPTIONS_MAX,
            count,
        )
    for index, option in enumerate(post.poll.options):
        if not 1 <= len(option) <= POLL_OPTION_LIMIT or not option.strip():
            yield Problem(
                "threads.poll.option_length",
                f"An option has 1 to {POLL_OPTION_LIMIT} characters, and this has {len(option)}",
                f"poll.options[{index}]",
                POLL_OPTION_LIMIT,
                len(option),
            )


def _text_attachment(post: Post) -> Iterator[Problem]:
    attachment = post.text_attachment
    if attachment is None:
        return
    length = len(attachment.plaintext)
    if not attachment.plaintext.strip():
        yield Problem(
            "threads.text_attachment.empty", "A text attachment has a text", "text_attachment", 1, 0
        )
    if length > TEXT_ATTACHMENT_LIMIT:
        yield Problem(
            "threads.text_attachment.too_long",
            f"A text attachment has at most {TEXT_ATTACHMENT_LIMIT} characters, and this has "
            f"{length}",
            "text_attachment",
            TEXT_ATTACHMENT_LIMIT,
            length,
        )
    if _badly_styled(attachment.styling, length):
        yield Problem(
            "threads.text_attachment.styling",
            "Styled ranges lie within the text, do not overlap, and are "
            f"{', '.join(sorted(STYLES))}",
            "text_attachment.styling",
        )


def _badly_styled(styling: Sequence[Styling], length: int) -> bool:
    end = 0
    for one in sorted(styling, key=lambda one: one.offset):
        unknown = not one.styling_info or not STYLES.issuperset(one.styling_info)
        if unknown or one.offset < end or one.offset + one.length > length:
            return True
        end = one.offset + one.length
    return False


def _spoiler_ranges(post: Post) -> Iterator[Problem]:
    for index, spoiler in enumerate(post.spoilers):
        end = spoiler.offset + spoiler.length
        if end > len(post.text):
            yield Problem(
                "threads.spoilers.out_of_range",
                f"The text has {len(post.text)} characters, and the spoiler ends at {end}",
                f"spoilers[{index}]",
                len(post.text),
                end,
            )


def _exclusions(post: Post, *, has_media: bool) -> Iterator[Problem]:
    """What Meta takes on text-only posts, and what it does not take together."""
    text_only = {
        "poll": post.poll,
        "gif": post.gif,
        "text_attachment": post.text_attachment,
        "ghost": post.ghost,
    }
    for name, given in text_only.items():
        if given and has_media:
            yield _together(name, "media")
    if post.poll and post.text_attachment:
        yield _together("poll", "text_attachment")
    if post.ghost:
        others: dict[str, object] = {
            "reply_to": post.reply_to,
            "quote": post.quote,
            "poll": post.poll,
            "gif": post.gif,
            "text_attachment": post.text_attachment,
            "link": post.links,
            "reply_control": post.reply_control,
            "reply_approvals": post.reply_approvals,
            "countries": post.countries,
            "location": post.location_id,
            "topic": post.topic,
        }
        for name, other in others.items():
            if other:
                yield _together("ghost", name)


def _together(one: str, other: str) -> Problem:
    return Problem(
        f"threads.{one}.with_{other}",
        f"Meta does not take {one.replace('_', ' ')} together with {other.replace('_', ' ')}",
        one,
    )
