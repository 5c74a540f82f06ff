"""Meta's Threads API: which request means what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from threadsworker.sandbox.answers import Answer, MetaRefused, meta, no_such_object
from threadsworker.sandbox.containers import Containers, FetchEnded
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.posts import Posts
from threadsworker.sandbox.publishing import Publishing
from threadsworker.sandbox.reading import Reading
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.tokens import Tokens
from threadsworker.sandbox.world import World

_VERSION = re.compile(r"v\d+\.\d+")


class ThreadsService:
    """The Threads API, with or without ``/v1.0``. Used under the world's lock."""

    def __init__(self, world: World, *, fetch_ended: FetchEnded) -> None:
        self._world = world
        self.posts = Posts()
        self.containers = Containers(world, fetch_ended=fetch_ended)
        self.tokens = Tokens(world)
        self._publishing = Publishing(world, containers=self.containers, posts=self.posts)
        self._reading = Reading(world, posts=self.posts)

    def answer(self, request: Request) -> Answer:
        """What Meta answers, refusals included."""
        try:
            answer = self._answer(request)
        except MetaRefused as refused:
            body = refused.body(self._world.trace_id())
            answer = meta(body, status=refused.status, **refused.facts)
        return replace(answer, headers={**answer.headers, **self._usage()})

    def _usage(self) -> Mapping[str, str]:
        if not self._world.options.app_usage_header:
            return {}
        return {"x-app-usage": '{"call_count":1,"total_time":1,"total_cputime":1}'}

    def _answer(self, request: Request) -> Answer:
        segments = request.segments
        if segments and _VERSION.fullmatch(segments[0]):
            segments = segments[1:]
        versionless = replace(request, path="/" + "/".join(segments))
        issued = self.tokens.answer(versionless)
        if issued is not None:
            return issued
        account = self.tokens.account_of(request.token)
        if not segments:
            raise no_such_object("", request.method)
        if segments[0] in ("me", account.user_id):
            return self._of_user(request, segments[1:], account)
        return self._of_object(request, segments[0], segments[1:], account)

    def _of_user(self, request: Request, rest: tuple[str, ...], account: SandboxAccount) -> Answer:
        match request.method, rest:
            case "GET", ():
                return self._reading.profile(request, account)
            case "POST", ("threads",):
                return self._publishing.create(request, account)
            case "POST", ("threads_publish",):
                return self._publishing.publish(request, account)
            case "GET", ("threads",):
                return self._reading.own(request, account, replies=False)
            case "GET", ("replies",):
                return self._reading.own(request, account, replies=True)
            case "GET", ("threads_publishing_limit",):
                return self._reading.limit(request, account)
        raise no_such_object("/".join((account.user_id, *rest)), request.method)

    def _of_object(
        self, request: Request, object_id: str, rest: tuple[str, ...], account: SandboxAccount
    ) -> Answer:
        match request.method, rest:
            case "GET", ():
                container = self.containers.get(object_id)
                if container is not None and container.user_id == account.user_id:
                    return self._publishing.status(container, request)
                return self._reading.media(object_id, request, account)
            case "GET", ("replies",):
                return self._reading.replies(object_id, request, account, whole_tree=False)
            case "GET", ("conversation",):
                return self._reading.replies(object_id, request, account, whole_tree=True)
            case "DELETE", ():
                return self._reading.delete(object_id, account)
            case "POST", ("repost",):
                return self._reading.repost(object_id, account)
            case "POST", ("manage_reply",):
                return self._reading.manage_reply(object_id, request)
            case "POST", ("manage_pending_reply",):
                return self._reading.manage_pending_reply(object_id, request)
        raise no_such_object(object_id, request.method)
