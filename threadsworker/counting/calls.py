"""Requests to Meta and GitHub, counted by what they ask for: a word, never an id."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from threadsworker.counting import OTHER, bounded, count, observe
from threadsworker.counting.instruments import CALL_SECONDS, CALLS, ERRORS, PUBLISH_SECONDS
from threadsworker.errors import Service

#: Last words of Meta's paths. A path that ends with an id is an `object`: a container or a post.
_THREADS = frozenset(
    {
        "access_token",
        "authorize",
        "conversation",
        "debug_token",
        "ghost_posts",
        "insights",
        "keyword_search",
        "location_search",
        "manage_pending_reply",
        "manage_reply",
        "me",
        "mentions",
        "oembed",
        "pending_replies",
        "profile_lookup",
        "profile_posts",
        "refresh_access_token",
        "replies",
        "repost",
        "threads",
        "threads_insights",
        "threads_publish",
        "threads_publishing_limit",
    }
)
#: The same of GitHub's, below a repository.
_GIT = frozenset({"blobs", "commits", "matching-refs", "ref", "refs", "trees"})
OBJECT, REPOSITORY, RAW = "object", "repository", "raw"


@dataclass
class Call:
    """One request, and what came of it."""

    status: str = "no_answer"


@contextmanager
def timed(service: Service, method: str, url: str) -> Iterator[Call]:
    """Count the request that the block sends, by the status that it is given in there."""
    endpoint = endpoint_of(service, url)
    call, begun = Call(), time.monotonic()
    try:
        yield call
    finally:
        took = time.monotonic() - begun
        where = {"service": service, "method": method, "endpoint": endpoint}
        count(CALLS, 1, **where, status=call.status)
        observe(CALL_SECONDS, took, **where)
        if endpoint == "threads_publish":
            observe(PUBLISH_SECONDS, took)


def refused(service: Service, url: str | None, code: str) -> None:
    """Count an answer that was "no"."""
    count(ERRORS, service=service, endpoint=endpoint_of(service, url or ""), code=bounded(code))


def endpoint_of(service: Service, url: str) -> str:
    """What a request asks for, in one of few words."""
    parts = [part for part in urlsplit(url).path.split("/") if part]
    if service == "github":
        return _of_github(parts)
    last = parts[-1] if parts else ""
    if last in _THREADS:
        return last
    return OBJECT if last.isdecimal() else OTHER


def _of_github(parts: list[str]) -> str:
    if "repos" not in parts:
        return RAW
    below = parts[parts.index("repos") + 3 :]
    match below:
        case []:
            return REPOSITORY
        case ["git", word, *_] if word in _GIT:
            return f"git/{word}"
        case ["contents", *_]:
            return "contents"
    return OTHER
