"""
Creating containers, telling their status, and publishing them.

Source: https://developers.facebook.com/documentation/threads/reference/publishing and
https://developers.facebook.com/documentation/threads/troubleshooting (2026-04-21).
"""

from __future__ import annotations

from typing import Any

from threadsworker.sandbox.answers import (
    Answer,
    invalid_children,
    media_not_found,
    meta,
    nonexisting_field,
    quota_used_up,
)
from threadsworker.sandbox.containers import Container, Containers
from threadsworker.sandbox.fields import split_fields
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.parameters import ContainerParameters, read_parameters
from threadsworker.sandbox.posts import Posts, SandboxMedia, SandboxPost, root_of
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World


class Publishing:
    """The calls that make a post. Used under the world's lock."""

    def __init__(self, world: World, *, containers: Containers, posts: Posts) -> None:
        self._world = world
        self._containers = containers
        self._posts = posts

    def create(self, request: Request, account: SandboxAccount) -> Answer:
        """POST /{user}/threads."""
        read = read_parameters(request.parameters, self._world.options, account)
        self._check_children(read, account)
        for target in filter(None, (read.reply_to_id, read.quote_post_id)):
            self.visible_post(target)
        if read.auto_publish:
            self._check_quota(account, is_reply=read.reply_to_id is not None)
        container = self._containers.create(account.user_id, read, origin=request.origin)
        answer: dict[str, Any] = {"id": container.id}
        if read.auto_publish:
            answer["id"] = self._make_public(container, account).id
        return meta(
            answer | self._share(read, "create"),
            acted="published" if read.auto_publish else "container_created",
            user_id=account.user_id,
            container_id=container.id,
            kind=read.kind,
            is_carousel_item=read.is_carousel_item,
            reply_to_id=read.reply_to_id,
            text=read.text,
            children=list(read.children),
            dropped=list(read.dropped),
            processing=round(container.processing, 6),
            media_id=container.media_id,
        )

    def status(self, container: Container, request: Request) -> Answer:
        """GET /{container}."""
        now, options = self._world.now(), self._world.options
        if now < container.created_at + options.container_lag:
            raise media_not_found(container.id)
        status: str = container.status(now)
        published_at = container.published_at
        if published_at is not None and now < published_at + options.status_lag:
            status = "FINISHED"
        known = {"id": container.id, "status": status}
        if status == "ERROR" and container.error_message:
            known["error_message"] = container.error_message
        names = list(split_fields(request.query.get("fields") or "id,status"))
        for name in names:
            if name not in ("id", "status", "error_message"):
                raise nonexisting_field(name)
        body = {name: known[name] for name in ("status", "error_message") if name in known}
        return meta(
            {**{name: value for name, value in body.items() if name in names}, "id": container.id},
            container_id=container.id,
            container_status=status,
        )

    def publish(self, request: Request, account: SandboxAccount) -> Answer:
        """POST /{user}/threads_publish."""
        creation_id = request.parameters.get("creation_id", "")
        container = self._containers.get(creation_id)
        if container is None or container.user_id != account.user_id:
            raise media_not_found(creation_id)
        if container.published_at is not None:
            return self._publish_again(container, account)
        self._check_publishable(container)
        self._check_quota(account, is_reply=container.parameters.reply_to_id is not None)
        return self._published(container, account)

    def visible_post(self, media_id: str) -> SandboxPost:
        """
        The post, if it can be referred to already.

        Raises
        ------
        MetaRefused:
            24/4279009: it was published a moment ago, or is gone, or never was.
        """
        post = self._posts.get(media_id)
        lag = self._world.options.visible_lag
        if post is None or self._world.now() < post.published_at + lag:
            raise media_not_found(media_id)
        return post

    def _check_children(self, read: ContainerParameters, account: SandboxAccount) -> None:
        bad = [one for one in read.children if not self._is_usable_child(one, account)]
        if bad:
            raise invalid_children(bad)

    def _is_usable_child(self, container_id: str, account: SandboxAccount) -> bool:
        now, child = self._world.now(), self._containers.get(container_id)
        if child is None or child.user_id != account.user_id:
            return False
        if not child.parameters.is_carousel_item or child.status(now) != "FINISHED":
            return False
        return now >= (child.finished_at or now) + self._world.options.child_lag

    def _check_publishable(self, container: Container) -> None:
        now, finished_at = self._world.now(), container.finished_at
        ready = container.status(now) == "FINISHED" and finished_at is not None
        if (
            container.parameters.is_carousel_item
            or not ready
            or now < (finished_at or now) + self._world.options.publish_lag
        ):
            raise media_not_found(container.id)
        # The parent may have been deleted since the container was made.
        parent = container.parameters.reply_to_id
        if parent is not None and self._posts.get(parent) is None:
            raise media_not_found(parent)

    def _check_quota(self, account: SandboxAccount, *, is_reply: bool) -> None:
        options = self._world.options
        what = "replies" if is_reply else "posts"
        total = options.reply_quota if is_reply else options.post_quota
        if self._posts.usage(account.user_id, what).used(self._world.now()) >= total:
            raise quota_used_up(what)

    def _publish_again(self, container: Container, account: SandboxAccount) -> Answer:
        mode = self._world.options.second_publish
        if mode == "refuse":
            raise media_not_found(container.id)
        if mode == "again":
            return self._published(container, account)
        return meta({"id": container.media_id}, container_id=container.id)

    def _published(self, container: Container, account: SandboxAccount) -> Answer:
        post = self._make_public(container, account)
        return meta(
            {"id": post.id, **self._share(container.parameters, "publish")},
            acted="published",
            user_id=account.user_id,
            container_id=container.id,
            media_id=post.id,
            parent_id=post.parent_id,
            root_id=post.root_id,
        )

    def _share(self, read: ContainerParameters, call: str) -> dict[str, str]:
        """What became of sharing it to Instagram, if this is the call whose answer says so."""
        options = self._world.options
        if not read.crossreshare_to_ig or options.instagram_answered_by != call:
            return {}
        return {"crossreshare_to_ig_status": options.instagram_share}

    def _make_public(self, container: Container, account: SandboxAccount) -> SandboxPost:
        now, read = self._world.now(), container.parameters
        media = self._media_of(container)
        parent = self._posts.get(read.reply_to_id) if read.reply_to_id else None
        if self._world.options.detach_replies:
            parent = None
        post = SandboxPost(
            id=self._world.new_id(),
            user_id=account.user_id,
            username=account.username,
            container_id=container.id,
            kind=read.kind,
            text=read.text or "",
            published_at=now,
            media=media,
            parent_id=parent.id if parent else None,
            root_id=root_of(parent) if parent else None,
            quoted_id=read.quote_post_id,
            topic=read.topic,
            link=read.link,
            reply_control=read.reply_control,
            countries=read.countries,
            poll=read.poll,
            gif=read.gif,
            text_attachment=read.text_attachment,
            text_entities=read.text_entities,
            location_id=read.location_id,
            is_spoiler_media=read.is_spoiler_media,
            is_ghost_post=read.is_ghost_post,
            enable_reply_approvals=read.enable_reply_approvals,
            instagram=self._instagram(read),
        )
        self._posts.add(post)
        what = "replies" if read.reply_to_id else "posts"
        self._posts.usage(account.user_id, what).add(now)
        for one in (container, *map(self._containers.get, read.children)):
            if one is not None:
                one.published_at, one.media_id = now, post.id
        return post

    def _instagram(self, read: ContainerParameters) -> str | None:
        if not read.crossreshare_to_ig or self._world.options.instagram_share == "FAILED":
            return None
        return "dark" if read.crossreshare_dark_mode else "light"

    def _media_of(self, container: Container) -> tuple[SandboxMedia, ...]:
        ids = container.parameters.children or (container.id,)
        found = [one for one in map(self._containers.get, ids) if one is not None]
        return tuple(
            SandboxMedia(
                kind=one.parameters.kind.lower(),
                alt_text=one.parameters.alt_text,
                sha256=one.fetched.sha256 if one.fetched else None,
                url=one.parameters.media_url,
                container_id=one.id,
            )
            for one in found
            if one.parameters.media_url is not None
        )
