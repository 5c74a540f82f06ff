"""
What is done to posts that are there: taking them away, reposting, hiding and approving.

Source: https://developers.facebook.com/documentation/threads/reference/media and
…/reference/reply-management (2026-04-21).
"""

from __future__ import annotations

from threadsworker.sandbox.answers import (
    Answer,
    invalid_parameter,
    media_not_found,
    meta,
    no_permission,
    no_such_object,
    quota_used_up,
)
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.posts import Posts, SandboxPost
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World


class Managing:
    """Used under the world's lock."""

    def __init__(self, world: World, *, posts: Posts) -> None:
        self._world = world
        self._posts = posts

    def delete(self, media_id: str, account: SandboxAccount) -> Answer:
        """DELETE /{media}."""
        post = self._posts.get(media_id)
        if post is None or post.user_id != account.user_id:
            raise no_such_object(media_id, "delete")
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

    def manage_reply(self, media_id: str, request: Request, account: SandboxAccount) -> Answer:
        """POST /{reply}/manage_reply: direct replies to a root; those below follow."""
        reply = self._reply(media_id, account)
        if reply.parent_id != reply.root_id:
            raise invalid_parameter("Only top-level replies can be hidden.")
        hide = _flag(request, "hide")
        self._posts.hide(media_id, hidden=hide)
        acted = "reply_hidden" if hide else "reply_shown"
        return meta({"success": True}, acted=acted, media_id=media_id)

    def manage_pending_reply(
        self, media_id: str, request: Request, account: SandboxAccount
    ) -> Answer:
        """POST /{reply}/manage_pending_reply."""
        self._reply(media_id, account)
        approve = _flag(request, "approve")
        self._posts.set_approval(media_id, None if approve else "ignored")
        acted = "reply_approved" if approve else "reply_ignored"
        return meta({"success": True}, acted=acted, media_id=media_id)

    def _reply(self, media_id: str, account: SandboxAccount) -> SandboxPost:
        """A reply to one of the account's threads."""
        post = self._posts.get(media_id)
        if post is None or not post.is_reply:
            raise no_such_object(media_id, "post")
        root = self._posts.get(post.root_id or "")
        if root is None or root.user_id != account.user_id:
            raise no_permission()
        return post


def _flag(request: Request, name: str) -> bool:
    given = request.parameters.get(name, "").lower()
    if given not in ("true", "false"):
        raise invalid_parameter(f"Param {name} must be a boolean.")
    return given == "true"
