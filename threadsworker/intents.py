"""
Web intents: links that open Threads with a post, or a profile to follow, filled in. Pure.

Whoever follows one presses Post themselves; nothing comes back, no id either.

Source: https://developers.facebook.com/documentation/threads/threads-web-intents (2026-04-21).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlencode

from threadsworker.errors import InvalidPost, Problem
from threadsworker.post import TOPIC_FORBIDDEN, TOPIC_LIMIT, ReplyControl

_INTENT = "https://www.threads.com/intent"
#: The audiences that a link may ask for.
_CONTROLS = tuple(one for one in ReplyControl if one != ReplyControl.PARENT_POST_AUTHOR_ONLY)


def post_intent(
    text: str | None = None,
    url: str | None = None,
    *,
    tag: str | None = None,
    reply_control: ReplyControl | str | None = None,
    reply_post_shortcode: str | None = None,
    quote_post_shortcode: str | None = None,
) -> str:
    """
    A link that opens Threads with a new post.

    Parameters
    ----------
    url:
        A link to attach.
    tag:
        The topic, with or without ``#``.
    reply_control:
        Who may reply; `parent_post_author_only` is not to be had by a link.
    reply_post_shortcode, quote_post_shortcode:
        The post to reply to, or to quote: the last part of its permalink.

    Raises
    ------
    InvalidPost:
        The tag or the control is none (`intent.tag.invalid`, `intent.reply_control.invalid`).
    """
    tag = tag.removeprefix("#") if tag is not None else None
    if problems := [*_tag(tag), *_control(reply_control)]:
        raise InvalidPost(problems)
    return _link(
        "post",
        text=text,
        url=url,
        tag=tag,
        reply_control=reply_control,
        reply_post_shortcode=reply_post_shortcode,
        quote_post_shortcode=quote_post_shortcode,
    )


def follow_intent(username: str) -> str:
    """A link that opens Threads with this profile to follow; with or without ``@``."""
    return _link("follow", username=username.removeprefix("@"))


def _link(what: str, **given: str | None) -> str:
    filled = {name: str(value) for name, value in given.items() if value is not None}
    return f"{_INTENT}/{what}?{urlencode(filled, quote_via=quote, safe='')}"


def _tag(tag: str | None) -> Iterator[Problem]:
    if tag is None:
        return
    if not 1 <= len(tag) <= TOPIC_LIMIT or any(mark in tag for mark in TOPIC_FORBIDDEN):
        yield Problem(
            "intent.tag.invalid",
            f"A tag has 1 to {TOPIC_LIMIT} characters, no . and no & and no line break or tab, "
            f"and this is {tag!r}",
            "tag",
            TOPIC_LIMIT,
            len(tag),
        )


def _control(control: ReplyControl | str | None) -> Iterator[Problem]:
    if control is not None and control not in _CONTROLS:
        yield Problem(
            "intent.reply_control.invalid",
            f"A link may ask for {', '.join(_CONTROLS)}, and this is {str(control)!r}",
            "reply_control",
            given=str(control),
        )
