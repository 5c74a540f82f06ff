"""
What can be read of a post, and `fields`, by which a caller chooses.

Source: https://developers.facebook.com/documentation/threads/retrieve-and-discover-posts/
retrieve-posts and …/retrieve-and-manage-replies/replies-and-conversations (2026-04-21).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from threadsworker.sandbox.answers import nonexisting_field
from threadsworker.sandbox.gazetteer import PLACES
from threadsworker.sandbox.posts import READ_AS, Posts, SandboxPost
from threadsworker.sandbox.world import iso
from threadsworker.text import links

_DAY = 86400.0
#: A field of which only parts are asked for: ``location{id,city}``.
_PARTS = re.compile(r"(\w+)\{([\w,]*)\}")


@dataclass(frozen=True)
class View:
    """A post, and what is needed to read it."""

    post: SandboxPost
    posts: Posts
    #: Who reads.
    user_id: str
    now: float
    #: Where downloaded media are served: the sandbox's own address.
    origin: str


Read = Callable[[View], Any]


def split_fields(fields: str) -> Iterator[str]:
    """Names of a comma list without what is in braces: ``id,children{id}`` has two."""
    name, depth = "", 0
    for mark in fields:
        if mark == "," and depth == 0:
            yield name.strip()
            name = ""
            continue
        depth += {"{": 1, "}": -1}.get(mark, 0)
        if depth == 0 and mark != "}":
            name += mark
    yield name.strip()


def read_fields(
    view: View, fields: str, *, without: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """
    The fields of the post that were asked for and have a value; the id always.

    Raises
    ------
    MetaRefused:
        There is no such field, or it is among those that are not known here.
    """
    found: dict[str, Any] = {}
    parts = dict(_PARTS.findall(fields))
    for name in filter(None, split_fields(fields or "id")):
        if name not in FIELDS or name in without:
            raise nonexisting_field(name)
        value = FIELDS[name](view)
        if name in parts and isinstance(value, dict) and "data" not in value:
            value = {part: value[part] for part in parts[name].split(",") if part in value}
        if value not in (None, "", [], {}):
            found[name] = value
    return {**found, "id": view.post.id}


def _media_url(view: View) -> str | None:
    """Of a single medium; a carousel's are its children's."""
    if len(view.post.media) != 1:
        return None
    medium = view.post.media[0]
    return f"{view.origin}/media/{medium.sha256}" if medium.sha256 else medium.url


def _children(view: View) -> dict[str, Any] | None:
    if view.post.kind != "CAROUSEL":
        return None
    return {"data": [{"id": medium.container_id} for medium in view.post.media]}


def _alt_text(view: View) -> str | None:
    return view.post.media[0].alt_text if len(view.post.media) == 1 else None


def _owner(view: View) -> dict[str, str] | None:
    post = view.post
    own = post.user_id == view.user_id and not post.is_reply
    return {"id": post.user_id} if own else None


def _link(view: View) -> str | None:
    """Of a text without an attachment the first URL becomes it."""
    post = view.post
    if post.link or post.text_attachment:
        return post.link or (post.text_attachment or {}).get("link_attachment_url")
    if post.kind != "TEXT" or post.poll or post.gif:
        return None
    return next(iter(links(post.text)), None)


def _poll(view: View) -> dict[str, Any] | None:
    if view.post.poll is None:
        return None
    votes = {f"{name}_votes_percentage": 0.0 for name in view.post.poll}
    expires = iso(view.post.published_at + _DAY)
    return {**view.post.poll, **votes, "total_votes": 0, "expiration_timestamp": expires}


def _ghost_status(view: View) -> str | None:
    if not view.post.is_ghost_post:
        return None
    return "ACTIVE" if view.now < view.post.published_at + _DAY else "ARCHIVED"


def _ghost_expiration(view: View) -> str | None:
    return iso(view.post.published_at + _DAY) if view.post.is_ghost_post else None


def _reference(media_id: str | None) -> dict[str, str] | None:
    return {"id": media_id} if media_id else None


def _location(view: View) -> dict[str, Any] | None:
    place = PLACES.get(view.post.location_id or "")
    return dict(place) if place else _reference(view.post.location_id)


def _is_owned(view: View) -> bool | None:
    parent = view.posts.get(view.post.parent_id or "")
    return parent.user_id == view.user_id if parent else None


def _hide_status(view: View) -> str:
    return "HIDDEN" if view.posts.is_hidden(view.post.id) else "NOT_HUSHED"


FIELDS: dict[str, Read] = {
    "id": lambda view: view.post.id,
    "media_product_type": lambda view: "THREADS",
    "media_type": lambda view: READ_AS[view.post.kind],
    "media_url": _media_url,
    "thumbnail_url": lambda view: None,
    "permalink": lambda view: view.post.permalink,
    "owner": _owner,
    "username": lambda view: view.post.username,
    "text": lambda view: view.post.text,
    "timestamp": lambda view: iso(view.post.published_at),
    "shortcode": lambda view: view.post.shortcode,
    "children": _children,
    "is_quote_post": lambda view: view.post.quoted_id is not None,
    "quoted_post": lambda view: _reference(view.post.quoted_id),
    "reposted_post": lambda view: _reference(view.post.reposted_id),
    "alt_text": _alt_text,
    "link_attachment_url": _link,
    "gif_url": lambda view: view.post.gif and f"https://giphy.com/gifs/{view.post.gif['gif_id']}",
    "poll_attachment": _poll,
    "topic_tag": lambda view: view.post.topic,
    "is_spoiler_media": lambda view: view.post.is_spoiler_media,
    "text_entities": lambda view: list(view.post.text_entities),
    "text_attachment": lambda view: view.post.text_attachment,
    "ghost_post_status": _ghost_status,
    "ghost_post_expiration_timestamp": _ghost_expiration,
    "has_replies": lambda view: bool(view.posts.replies_to(view.post.id)),
    "is_reply": lambda view: view.post.is_reply,
    "is_reply_owned_by_me": _is_owned,
    "root_post": lambda view: _reference(view.post.root_id),
    "replied_to": lambda view: _reference(view.post.parent_id),
    "hide_status": _hide_status,
    "reply_audience": lambda view: (view.post.reply_control or "everyone").upper(),
    "location_id": lambda view: view.post.location_id,
    "location": _location,
    "allowlisted_country_codes": lambda view: list(view.post.countries),
    "is_verified": lambda view: False,
    "profile_picture_url": lambda view: None,
    "reply_approval_status": lambda view: view.posts.approval_of(view.post.id),
}
