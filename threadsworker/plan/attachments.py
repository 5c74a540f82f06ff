"""Meta's rules for polls, GIFs and text attachments, each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from threadsworker.errors import Problem
from threadsworker.post import (
    GIF_PROVIDER,
    POLL_OPTION_LIMIT,
    POLL_OPTIONS_MAX,
    POLL_OPTIONS_MIN,
    STYLES,
    TEXT_ATTACHMENT_LIMIT,
    Gif,
    Poll,
    Post,
    TextAttachment,
)


def check_attachments(post: Post) -> Iterator[Problem]:
    """What is wrong with each of them."""
    if post.poll is not None:
        yield from _poll(post.poll)
    if post.gif is not None:
        yield from _gif(post.gif)
    if post.text_attachment is not None:
        yield from _text(post.text_attachment)
        yield from _styling(post.text_attachment)


def is_link(link: str) -> bool:
    """Whether it is a URL that the public can open."""
    try:
        parts = urlsplit(link)
    except ValueError:
        # A bracket that belongs to no address: "http://[".
        return False
    spaced = any(character.isspace() for character in link)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not spaced


def _poll(poll: Poll) -> Iterator[Problem]:
    count = len(poll.options)
    if not POLL_OPTIONS_MIN <= count <= POLL_OPTIONS_MAX:
        yield Problem(
            "threads.poll.options",
            f"A poll has {POLL_OPTIONS_MIN} to {POLL_OPTIONS_MAX} options, and this has {count}",
            "poll.options",
            POLL_OPTIONS_MAX,
            count,
        )
    for index, option in enumerate(poll.options):
        if not 1 <= len(option) <= POLL_OPTION_LIMIT or not option.strip():
            yield Problem(
                "threads.poll.option_length",
                f"An option has 1 to {POLL_OPTION_LIMIT} characters, and this has {len(option)}",
                f"poll.options[{index}]",
                POLL_OPTION_LIMIT,
                len(option),
            )


def _gif(gif: Gif) -> Iterator[Problem]:
    if not gif.gif_id.strip():
        yield Problem("threads.gif.empty", "A GIF has an id", "gif.gif_id", 1, 0)
    if gif.provider != GIF_PROVIDER:
        yield Problem(
            "threads.gif.provider",
            f"GIFs are {GIF_PROVIDER}'s, and this is {gif.provider!r}; Tenor's support has ended",
            "gif.provider",
            GIF_PROVIDER,
            gif.provider,
        )


def _text(attachment: TextAttachment) -> Iterator[Problem]:
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
    if attachment.link is not None and not is_link(attachment.link):
        yield Problem(
            "threads.text_attachment.link",
            f"A link is a public http or https URL, and this is {attachment.link!r}",
            "text_attachment.link",
        )


def _styling(attachment: TextAttachment) -> Iterator[Problem]:
    length, before = len(attachment.plaintext), 0
    ranges = sorted(enumerate(attachment.styling), key=lambda one: one[1].offset)
    for index, one in ranges:
        where, end = f"text_attachment.styling[{index}]", one.offset + one.length
        if not one.styling_info or not STYLES.issuperset(one.styling_info):
            yield Problem(
                "threads.text_attachment.style",
                f"Styles are {', '.join(sorted(STYLES))}, and these are "
                f"{', '.join(one.styling_info) or 'none'}",
                where,
            )
        if end > length:
            yield Problem(
                "threads.text_attachment.out_of_range",
                f"The text has {length} characters, and the style ends at {end}",
                where,
                length,
                end,
            )
        if one.offset < before:
            yield Problem(
                "threads.text_attachment.overlap",
                f"Styled ranges do not overlap, and this begins at {one.offset}, before another "
                f"has ended at {before}; give one range several styles",
                where,
                before,
                one.offset,
            )
        before = max(before, end)
