"""
What Meta does not take together. Rule ids are ``threads.<one>.with_<other>``.

Sources: pages "reference/publishing", "posts", "create-posts/polls",
"create-posts/text-attachments", "create-posts/ghost-posts" and "create-posts/spoilers"
(2026-07-02); of polls and link attachments, users' reports.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from threadsworker.errors import Problem
from threadsworker.post import Post, Segment


def check_combinations(post: Post, *, has_media: bool) -> Iterator[Problem]:
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
        yield from _with_ghost(post)
    if post.spoiler_media and not has_media:
        yield _alone("spoiler_media", "media", "There is no medium to hide")
    if post.instagram_dark_mode and not post.share_to_instagram:
        message = "The dark mode is the Instagram story's, and nothing is shared to it"
        yield _alone("instagram_dark_mode", "share_to_instagram", message)


def check_links_of_root(post: Post, segments: Sequence[Segment]) -> Iterator[Problem]:
    """
    A link attachment that only the root could carry, which has a poll or another one.

    In a thread the links go past it.
    """
    if not post.links or len(segments) != 1:
        return
    if post.poll:
        yield _together("poll", "link")
    if post.text_attachment and post.text_attachment.link is not None:
        yield _together("text_attachment", "link")


def _with_ghost(post: Post) -> Iterator[Problem]:
    """A ghost post has a text, spoilers in it, and nothing else; and it is no reply."""
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
        "share_to_instagram": post.share_to_instagram,
        "spoiler_media": post.spoiler_media,
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


def _alone(one: str, other: str, message: str) -> Problem:
    return Problem(f"threads.{one}.without_{other}", message, one)
