"""
Reading one's own profile, posts one by one and in listings, and what hangs below them.

Source: https://developers.facebook.com/documentation/threads/reference/media,
…/reference/user and …/reference/reply-management (2026-04-21).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from threadsworker.sandbox.answers import (
    Answer,
    invalid_parameter,
    media_not_found,
    meta,
    no_permission,
    no_such_object,
    nonexisting_field,
)
from threadsworker.sandbox.fields import View, read_fields, split_fields
from threadsworker.sandbox.listing import Reader, page, within_period
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.posts import Posts, SandboxPost
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World

_DAY = 86400
#: Fields that only some endpoints know.
PENDING_ONLY = frozenset({"reply_approval_status"})


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
            "threads_biography": account.biography,
            "is_verified": False,
            "is_eligible_for_geo_gating": account.is_eligible_for_geo_gating,
            "recently_searched_keywords": self._posts.searches(account.user_id) or None,
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
        known: dict[str, Any] = {}
        for prefix, what, total in (
            ("", "posts", options.post_quota),
            ("reply_", "replies", options.reply_quota),
            ("delete_", "deletes", options.delete_quota),
            ("location_search_", "location searches", options.location_search_quota),
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
        return meta(self.reader(request, account)(post), media_id=media_id)

    def own(self, request: Request, account: SandboxAccount, *, replies: bool) -> Answer:
        """GET /{user}/threads and /{user}/replies: newest first."""
        listed = self._world.options.ghosts_listed
        return self._timeline(
            request,
            account,
            lambda post: (
                post.user_id == account.user_id
                and post.is_reply is replies
                and (listed or not post.is_ghost_post)
            ),
        )

    def ghost_posts(self, request: Request, account: SandboxAccount) -> Answer:
        """GET /{user}/ghost_posts: newest first."""
        return self._timeline(
            request, account, lambda post: post.user_id == account.user_id and post.is_ghost_post
        )

    def replies(
        self, media_id: str, request: Request, account: SandboxAccount, *, whole_tree: bool
    ) -> Answer:
        """GET /{media}/replies: direct ones; /{media}/conversation: all, of a root only."""
        post = self._posts.get(media_id)
        if post is None:
            raise no_such_object(media_id, "get")
        if whole_tree and post.is_reply:
            raise invalid_parameter("Param id must be a root post.")

        def wanted(reply: SandboxPost) -> bool:
            above = reply.root_id if whole_tree else reply.parent_id
            return above == media_id and self._posts.approval_of(reply.id) is None

        return self._below(request, self.listed(wanted), self.reader(request, account))

    def pending_replies(self, media_id: str, request: Request, account: SandboxAccount) -> Answer:
        """GET /{media}/pending_replies."""
        post = self._posts.get(media_id)
        if post is None:
            raise no_such_object(media_id, "get")
        if post.user_id != account.user_id:
            raise no_permission()
        status = request.query.get("approval_status")
        if status not in (None, "pending", "ignored"):
            raise invalid_parameter("Param approval_status must be one of {pending, ignored}.")

        def wanted(reply: SandboxPost) -> bool:
            approval = self._posts.approval_of(reply.id)
            return (
                reply.parent_id == media_id
                and approval is not None
                and (status in (None, approval))
            )

        read = self.reader(request, account, without=frozenset())
        return self._below(request, self.listed(wanted), read)

    def reader(
        self,
        request: Request,
        account: SandboxAccount,
        *,
        without: frozenset[str] = PENDING_ONLY,
    ) -> Reader:
        """How the request wants posts to be read; `without` fields that are not known there."""
        fields = request.query.get("fields", "id")
        now = self._world.now()

        def read(post: SandboxPost) -> dict[str, Any]:
            view = View(post, self._posts, account.user_id, now, request.origin)
            return read_fields(view, fields, without=without)

        return read

    def listed(self, wanted: Callable[[SandboxPost], bool]) -> list[SandboxPost]:
        """Posts in a listing by now, oldest first."""
        latest = self._world.now() - self._world.options.listing_lag
        return [post for post in self._posts.all() if wanted(post) and post.published_at <= latest]

    def _timeline(
        self, request: Request, account: SandboxAccount, wanted: Callable[[SandboxPost], bool]
    ) -> Answer:
        chosen = within_period(self.listed(wanted), request, now=self._world.now())
        read = self.reader(request, account)
        return page(chosen[::-1], request, read, cap=self._world.options.page_cap)

    def _below(self, request: Request, found: list[SandboxPost], read: Reader) -> Answer:
        newest_first = request.query.get("reverse", "true").lower() != "false"
        ordered = found[::-1] if newest_first else found
        return page(ordered, request, read, cap=self._world.options.page_cap)
