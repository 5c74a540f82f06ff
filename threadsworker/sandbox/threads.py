"""Meta's Threads API: which request means what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from threadsworker.sandbox.answers import Answer, MetaRefused, meta, no_such_object
from threadsworker.sandbox.containers import Containers, FetchEnded
from threadsworker.sandbox.discovery import Discovery
from threadsworker.sandbox.gazetteer import PLACES
from threadsworker.sandbox.insights import Insights
from threadsworker.sandbox.managing import Managing
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.places import Places
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
        self._discovery = Discovery(world, posts=self.posts, reading=self._reading)
        self._places = Places(world, posts=self.posts)
        self._insights = Insights(world, posts=self.posts)
        self._managing = Managing(world, posts=self.posts)

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
        if request.method == "GET" and segments == ("oembed",):
            return self._discovery.oembed(request)
        account = self.tokens.account_of(request.token)
        if not segments:
            raise no_such_object("", request.method)
        if segments[0] in ("me", account.user_id):
            return self._of_user(request, segments[1:], account)
        found = self._search(request, segments, account)
        if found is not None:
            return found
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
            case "GET", ("ghost_posts",):
                return self._reading.ghost_posts(request, account)
            case "GET", ("mentions",):
                return self._discovery.mentions(request, account)
            case "GET", ("threads_insights",):
                return self._insights.of_user(request, account)
            case "GET", ("threads_publishing_limit",):
                return self._reading.limit(request, account)
        raise no_such_object("/".join((account.user_id, *rest)), request.method)

    def _search(
        self, request: Request, segments: tuple[str, ...], account: SandboxAccount
    ) -> Answer | None:
        """The answer of an endpoint that belongs to nobody; None if the path is none."""
        match request.method, segments:
            case "GET", ("keyword_search",):
                return self._discovery.keyword_search(request, account)
            case "GET", ("profile_lookup",):
                return self._discovery.profile_lookup(request, account)
            case "GET", ("profile_posts",):
                return self._discovery.profile_posts(request, account)
            case "GET", ("location_search",):
                return self._places.search(request, account)
            case "GET", (place_id,) if place_id in PLACES:
                return self._places.place(place_id, request)
        return None

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
            case "GET", ("pending_replies",):
                return self._reading.pending_replies(object_id, request, account)
            case "GET", ("insights",):
                return self._insights.of_media(object_id, request, account)
            case "DELETE", ():
                return self._managing.delete(object_id, account)
            case "POST", ("repost",):
                return self._managing.repost(object_id, account)
            case "POST", ("manage_reply",):
                return self._managing.manage_reply(object_id, request, account)
            case "POST", ("manage_pending_reply",):
                return self._managing.manage_pending_reply(object_id, request, account)
        raise no_such_object(object_id, request.method)
