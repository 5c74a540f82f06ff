"""Which post of the account's listings is this segment? A unique match, or none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from threadsworker.steps.desk import Desk
from threadsworker.steps.work import Work
from threadsworker.store import segments
from threadsworker.text import plain
from threadsworker.threads_api import MediaObject, ThreadsApi

#: What is needed of a post of a listing.
FIELDS = ("id", "media_type", "text", "is_reply", "replied_to", "children")
_KINDS = {
    "text": {"TEXT_POST", "TEXT"},
    "image": {"IMAGE"},
    "video": {"VIDEO"},
    "carousel": {"CAROUSEL_ALBUM", "CAROUSEL"},
}


def look_alikes(desk: Desk, api: ThreadsApi, work: Work, *, since: datetime) -> list[MediaObject]:
    """
    Posts of the account since `since` that look like this segment and are no other of ours.

    Those under the segment's parent come first: only if there is none of them, posts without
    a parent count, since Meta has been seen to publish a reply beside its parent.
    """
    alike = {post.id: post for post in _listings(api, work, since=since) if _looks_like(post, work)}
    with desk.reading() as session:
        ours = segments.owned_media_ids(session, list(alike))
    strangers = [post for post in alike.values() if post.id not in ours]
    if work.reply_to is None:
        return [post for post in strangers if post.replied_to is None]
    below = [p for p in strangers if p.replied_to is not None and p.replied_to.id == work.reply_to]
    return below or [post for post in strangers if post.replied_to is None]


def _listings(api: ThreadsApi, work: Work, *, since: datetime) -> Iterator[MediaObject]:
    listings = [api.own_threads]
    if work.reply_to is not None:
        listings.insert(0, api.own_replies)
    if work.planned.ghost:
        # Whether they are among the other posts too, Meta does not say.
        listings.append(api.ghost_posts)
    return chain.from_iterable(listing(since=since, fields=FIELDS) for listing in listings)


def _looks_like(post: MediaObject, work: Work) -> bool:
    if post.media_type is not None and post.media_type not in _KINDS[work.kind]:
        return False
    if post.children is not None and len(post.children.data) != len(work.planned.media):
        return False
    return plain(post.text or "") == plain(work.planned.text)
