"""
Mentions, search by keyword, others' profiles, and posts for web pages.

Source: https://developers.facebook.com/documentation/threads/keyword-search, …/threads-mentions,
…/threads-profiles and …/reference/oembed (2026-04-21).
"""

from __future__ import annotations

import re
from html import escape

from threadsworker.sandbox.answers import (
    Answer,
    MetaRefused,
    invalid_parameter,
    meta,
    no_such_object,
    quota_used_up,
)
from threadsworker.sandbox.listing import limit_of, page, within_period
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.posts import Posts, SandboxPost
from threadsworker.sandbox.reading import PENDING_ONLY, Reading
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World

#: Followers below which a profile cannot be looked up.
MIN_FOLLOWERS = 100
#: Fields that are not known where others' posts are read.
_STRANGERS = PENDING_ONLY | {"owner"}
_PERMALINK = re.compile(r"https://(?:www\.)?threads\.(?:com|net)/(?:@[\w.]+/post|t)/([\w-]+)/?")
#: Pixels.
_NARROWEST, _WIDEST = 320, 658


class Discovery:
    """Used under the world's lock."""

    def __init__(self, world: World, *, posts: Posts, reading: Reading) -> None:
        self._world = world
        self._posts = posts
        self._reading = reading

    def mentions(self, request: Request, account: SandboxAccount) -> Answer:
        """GET /{user}/mentions: others' posts with the account's name in them."""
        name = re.compile(rf"@{re.escape(account.username)}(?![\w.])", re.IGNORECASE)
        found = self._reading.listed(
            lambda post: post.user_id != account.user_id and name.search(post.text) is not None
        )
        return self._page(self._in_period(found, request), request, account)

    def keyword_search(self, request: Request, account: SandboxAccount) -> Answer:
        """GET /keyword_search. One page without ``paging``, as in Meta's sample."""
        query, options, now = request.query, self._world.options, self._world.now()
        word = _required(request, "q").lower()
        kind = _one_of(request, "search_type", ("TOP", "RECENT"))
        by_tag = _one_of(request, "search_mode", ("KEYWORD", "TAG")) == "TAG"
        media = _one_of(request, "media_type", ("", "TEXT", "IMAGE", "VIDEO"))
        usage = self._posts.usage(account.user_id, "searches")
        if usage.used(now) >= options.keyword_search_quota:
            raise quota_used_up("searches")

        def wanted(post: SandboxPost) -> bool:
            text = (post.topic or "") if by_tag else post.text
            fits = text.lower() == word if by_tag else word in text.lower()
            return (
                fits
                and word not in options.sensitive_words
                and media in ("", post.kind)
                and post.kind != "REPOST_FACADE"
                and query.get("author_username", post.username) == post.username
            )

        found = self._in_period(self._reading.listed(wanted), request)
        if kind == "TOP":
            # Stable, so that of two alike the newer one comes first.
            found.sort(key=lambda post: -len(self._posts.replies_to(post.id)))
        self._posts.note_search(account.user_id, query["q"], now)
        if found:
            usage.add(now)
        if options.search_pages:
            return self._page(found, request, account)
        read = self._reading.reader(request, account, without=_STRANGERS)
        return meta({"data": [read(post) for post in found[: limit_of(request)]]})

    def profile_lookup(self, request: Request, account: SandboxAccount) -> Answer:
        """GET /profile_lookup. The answer is flat, and has no id."""
        found = self._profile(request, account)
        posts = [post for post in self._posts.all() if post.user_id == found.user_id]
        return meta(
            {
                "username": found.username,
                "name": found.name,
                "biography": found.biography,
                "is_verified": False,
                "follower_count": found.followers,
                "likes_count": 3 * len(posts),
                "quotes_count": sum(post.quoted_id is not None for post in posts),
                "replies_count": sum(post.is_reply for post in posts),
                "reposts_count": sum(post.reposted_id is not None for post in posts),
                "views_count": 10 * len(posts),
            }
        )

    def profile_posts(self, request: Request, account: SandboxAccount) -> Answer:
        """GET /profile_posts: newest first."""
        found = self._profile(request, account)
        posts = self._reading.listed(
            lambda post: post.user_id == found.user_id and not post.is_reply
        )
        return self._page(self._in_period(posts, request), request, account)

    def oembed(self, request: Request) -> Answer:
        """GET /oembed. Needs no token."""
        given = _required(request, "url")
        found = _PERMALINK.fullmatch(given.partition("?")[0])
        codes = {post.shortcode: post for post in self._posts.all()}
        post = codes.get(found.group(1)) if found else None
        if post is None:
            raise invalid_parameter("Param url is not the URL of a public post.")
        width = request.query.get("maxwidth") or str(_WIDEST)
        if not width.isdecimal() or not _NARROWEST <= int(width) <= _WIDEST:
            raise invalid_parameter(f"Param maxwidth must be {_NARROWEST} to {_WIDEST}.")
        html = (
            f'<blockquote class="text-post-media" data-text-post-permalink="{post.permalink}">'
            f'<a href="{post.permalink}">{escape(post.username)}</a></blockquote>'
        )
        return meta(
            {
                "type": "rich",
                "version": "1.0",
                "html": html,
                "provider_name": "Threads",
                "provider_url": "https://www.threads.com/",
                "width": int(width),
            }
        )

    def _profile(self, request: Request, account: SandboxAccount) -> SandboxAccount:
        username, now = _required(request, "username"), self._world.now()
        usage = self._posts.usage(account.user_id, "look-ups")
        if usage.used(now) >= self._world.options.profile_discovery_quota:
            raise quota_used_up("look-ups")
        usage.add(now)
        options = self._world.options
        known = (options.default_account, *options.accounts.values())
        for one in known:
            if one.username == username and one.followers >= MIN_FOLLOWERS:
                return one
        raise no_such_object(username, "get")

    def _in_period(self, found: list[SandboxPost], request: Request) -> list[SandboxPost]:
        """Newest first."""
        return within_period(found, request, now=self._world.now())[::-1]

    def _page(self, found: list[SandboxPost], request: Request, account: SandboxAccount) -> Answer:
        read = self._reading.reader(request, account, without=_STRANGERS)
        return page(found, request, read, cap=self._world.options.page_cap)


def _required(request: Request, name: str) -> str:
    given = request.query.get(name, "")
    if not given:
        raise MetaRefused(f"(#100) The parameter {name} is required", code=100)
    return given


def _one_of(request: Request, name: str, words: tuple[str, ...]) -> str:
    """The word that was given, or the first."""
    given = request.query.get(name) or words[0]
    if given not in words:
        allowed = ", ".join(filter(None, words))
        raise MetaRefused(
            f'(#100) Param {name} must be one of {{{allowed}}} - got "{given}".', code=100
        )
    return given
