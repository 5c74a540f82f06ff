"""
Reading posts one by one and in listings; taking them away, hiding and reposting them.

Source: https://developers.facebook.com/documentation/threads/reference/media,
…/reference/user and …/reference/reply-management (2026-04-21).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from threadsworker.sandbox.answers import (
    Answer,
    invalid_parameter,
    media_not_found,
    meta,
    no_such_object,
    nonexisting_field,
    quota_used_up,
)
from threadsworker.sandbox.fields import View, read_fields, split_fields
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.posts import Posts, SandboxPost
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World

#: Objects of a page, and the most that may be asked for.
PAGE, PAGE_MAX = 25, 100
#: The first second that a listing may begin with: 5 July 2023.
FIRST_SINCE = 1688540400
_DAY = 86400


class Reading:
    """Used under the world's lock."""

    def __init__(self, world: World, *, posts: Posts) -> None:
        self._world = world
        self._posts = posts

    def profile(self, request: Request, account: SandboxAccount) -> Answer:
        """GET /{user}."""
        known = {
            "id": account.user_id,
            "username": account.username,
            "name": account.name,
            "threads_profile_picture_url": None,
            "threads_biography": "An account of the sandbox",
            "is_verified": False,
            "is_eligible_for_geo_gating": account.is_eligible_for_geo_gating,
            "recently_searched_keywords": None,
        }
        names = list(split_fields(request.query.get("fields") or "id"))
        for name in names:
            if name not in known:
                raise nonexisting_field(name)
        found = {name: known[name] for name in names if known[name] is not None}
        return meta({**found, "id": account.user_id})

    def limit(self, request: Request, account: SandboxAccount) -> Answer:
        """GET /{user}/threads_publishing_limit."""
        options, now = self._world.options, self._world.now()
        known: dict[str, Any] = {
            "location_search_quota_usage": 0,
            "location_search_config": {"quota_total": 500, "quota_duration": _DAY},
        }
        for prefix, what, total in (
            ("", "posts", options.post_quota),
            ("reply_", "replies", options.reply_quota),
            ("delete_", "deletes", options.delete_quota),
        ):
            known[f"{prefix}quota_usage"] = self._posts.usage(account.user_id, what).used(now)
            known[f"{prefix}config"] = {"quota_total": total, "quota_duration": _DAY}
        names = list(split_fields(request.query.get("fields") or "quota_usage"))
        for name in names:
            if name not in known:
                raise nonexisting_field(name)
        return meta({"data": [{name: known[name] for name in names}]})

    def media(self, media_id: str, request: Request, account: SandboxAccount) -> Answer:
        """GET /{media}."""
        post = self._posts.get(media_id)
        if post is None:
            raise no_such_object(media_id, "get")
        if self._world.now() < post.published_at + self._world.options.visible_lag:
            raise media_not_found(media_id)
        return meta(self._read(post, request, account), media_id=media_id)

    def own(self, request: Request, account: SandboxAccount, *, replies: bool) -> Answer:
        """GET /{user}/threads and /{user}/replies: newest first."""
        listed = self._listed(
            lambda post: post.user_id == account.user_id and post.is_reply is replies
        )
        since, until = _moment(request, "since"), _moment(request, "until")
        if since is not None and since < FIRST_SINCE:
            raise invalid_parameter(f"Param since must be at least {FIRST_SINCE}.")
        if since is not None and until is not None and since >= until:
            raise invalid_parameter("Param since must be before until.")
        chosen = [
            post
            for post in listed
            if (since is None or post.published_at >= since)
            and (until is None or post.published_at <= until)
        ]
        return self._page(chosen[::-1], request, account)

    def replies(
        self, media_id: str, request: Request, account: SandboxAccount, *, whole_tree: bool
    ) -> Answer:
        """GET /{media}/replies: direct ones; /{media}/conversation: all, of a root only."""
        post = self._posts.get(media_id)
        if post is None:
            raise no_such_object(media_id, "get")
        if whole_tree and post.is_reply:
            raise invalid_parameter("Param id must be a root post.")
        if whole_tree:
            found = self._listed(lambda reply: reply.root_id == media_id)
        else:
            found = self._listed(lambda reply: reply.parent_id == media_id)
        newest_first = request.query.get("reverse", "true").lower() != "false"
        return self._page(found[::-1] if newest_first else found, request, account)

    def delete(self, media_id: str, account: SandboxAccount) -> Answer:
        """DELETE /{media}."""
        self._own_post(media_id, account, "delete")
        usage, now = self._posts.usage(account.user_id, "deletes"), self._world.now()
        if usage.used(now) >= self._world.options.delete_quota:
            raise quota_used_up("deletes")
        usage.add(now)
        self._posts.remove(media_id)
        body = {"success": True, "deleted_id": media_id}
        return meta(body, acted="deleted", media_id=media_id)

    def repost(self, media_id: str, account: SandboxAccount) -> Answer:
        """POST /{media}/repost."""
        if self._posts.get(media_id) is None:
            raise media_not_found(media_id)
        repost = SandboxPost(
            id=self._world.new_id(),
            user_id=account.user_id,
            username=account.username,
            container_id=None,
            kind="REPOST_FACADE",
            text="",
            published_at=self._world.now(),
            reposted_id=media_id,
        )
        self._posts.add(repost)
        return meta({"id": repost.id}, acted="reposted", media_id=repost.id)

    def manage_reply(self, media_id: str, request: Request) -> Answer:
        """POST /{reply}/manage_reply."""
        post = self._posts.get(media_id)
        if post is None or not post.is_reply:
            raise no_such_object(media_id, "post")
        hide = request.parameters.get("hide", "").lower()
        if hide not in ("true", "false"):
            raise invalid_parameter("Param hide must be a boolean.")
        self._posts.hide(media_id, hidden=hide == "true")
        acted = "reply_hidden" if hide == "true" else "reply_shown"
        return meta({"success": True}, acted=acted, media_id=media_id)

    def manage_pending_reply(self, media_id: str, request: Request) -> Answer:
        """POST /{reply}/manage_pending_reply."""
        post = self._posts.get(media_id)
        if post is None or not post.is_reply:
            raise no_such_object(media_id, "post")
        if request.parameters.get("approve", "").lower() not in ("true", "false"):
            raise invalid_parameter("Param approve must be a boolean.")
        return meta({"success": True}, acted="reply_judged", media_id=media_id)

    def _own_post(self, media_id: str, account: SandboxAccount, method: str) -> SandboxPost:
        post = self._posts.get(media_id)
        if post is None or post.user_id != account.user_id:
            raise no_such_object(media_id, method)
        return post

    def _read(self, post: SandboxPost, request: Request, account: SandboxAccount) -> dict[str, Any]:
        view = View(post, self._posts, account.user_id, self._world.now(), request.origin)
        return read_fields(view, request.query.get("fields", "id"))

    def _listed(self, wanted: Callable[[SandboxPost], bool]) -> list[SandboxPost]:
        """Posts in a listing by now, oldest first."""
        latest = self._world.now() - self._world.options.listing_lag
        return [post for post in self._posts.all() if wanted(post) and post.published_at <= latest]

    def _page(
        self, posts: Sequence[SandboxPost], request: Request, account: SandboxAccount
    ) -> Answer:
        size = _limit(request)
        cap = self._world.options.page_cap
        begin, end = _window(posts, request, min(size, cap) if cap else size)
        page = posts[begin:end]
        body: dict[str, Any] = {"data": [self._read(post, request, account) for post in page]}
        if page:
            body["paging"] = {"cursors": {"before": _cursor(page[0]), "after": _cursor(page[-1])}}
            if end < len(posts):
                body["paging"]["next"] = _turn(request, "after", _cursor(page[-1]))
            if begin > 0:
                body["paging"]["previous"] = _turn(request, "before", _cursor(page[0]))
        return meta(body)


def _cursor(post: SandboxPost) -> str:
    return base64.urlsafe_b64encode(f"post:{post.id}".encode()).decode().rstrip("=")


def _position(posts: Sequence[SandboxPost], cursor: str, what: str) -> int:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        media_id = base64.urlsafe_b64decode(padded).decode().removeprefix("post:")
        return [post.id for post in posts].index(media_id)
    except (ValueError, binascii.Error):
        raise invalid_parameter(f"Param {what} is not a valid cursor.") from None


def _window(posts: Sequence[SandboxPost], request: Request, size: int) -> tuple[int, int]:
    """Where the page begins and where it ends."""
    before, after = request.query.get("before"), request.query.get("after")
    if before and after:
        raise invalid_parameter("Params before and after cannot be used together.")
    if before:
        end = _position(posts, before, "before")
        return max(0, end - size), end
    begin = _position(posts, after, "after") + 1 if after else 0
    return begin, min(len(posts), begin + size)


def _limit(request: Request) -> int:
    given = request.query.get("limit") or str(PAGE)
    if not given.isdecimal() or not 1 <= int(given) <= PAGE_MAX:
        raise invalid_parameter(f"Param limit must be 1 to {PAGE_MAX}.")
    return int(given)


def _moment(request: Request, name: str) -> float | None:
    """Seconds since 1970, or an ISO date: the part of `strtotime` that callers use."""
    given = request.query.get(name)
    if not given:
        return None
    try:
        return float(given) if given.isdecimal() else _parsed(given)
    except ValueError:
        raise invalid_parameter(f"Param {name} must be a valid time.") from None


def _parsed(given: str) -> float:
    moment = datetime.fromisoformat(given)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _turn(request: Request, name: str, cursor: str) -> str:
    """The URL of another page. It holds the token, as Meta's do."""
    kept = {k: v for k, v in request.query.items() if k not in ("before", "after")}
    query = {**kept, "access_token": request.token or "", name: cursor}
    return f"{request.origin}{request.path}?{urlencode(query)}"
