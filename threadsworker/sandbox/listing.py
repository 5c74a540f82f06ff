"""Pages of a listing, as Meta gives them: cursors, sizes, periods, and URLs that hold the token."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from threadsworker.sandbox.answers import Answer, invalid_parameter, meta
from threadsworker.sandbox.posts import SandboxPost
from threadsworker.sandbox.request import Request

#: Objects of a page, and the most that may be asked for.
PAGE, PAGE_MAX = 25, 100
#: The first second that a listing may begin with: 5 July 2023.
FIRST_SINCE = 1688540400

#: How a post is read.
Reader = Callable[[SandboxPost], dict[str, Any]]


def page(
    posts: Sequence[SandboxPost], request: Request, read: Reader, *, cap: int | None = None
) -> Answer:
    """
    The page of `posts` that the request asks for; a page holds `cap` of them at most.

    An empty one has no ``paging``, the last no ``next``.
    """
    size = limit_of(request)
    begin, end = _window(posts, request, min(size, cap) if cap else size)
    shown = posts[begin:end]
    body: dict[str, Any] = {"data": [read(post) for post in shown]}
    if shown:
        first, last = _cursor(shown[0]), _cursor(shown[-1])
        body["paging"] = {"cursors": {"before": first, "after": last}}
        if end < len(posts):
            body["paging"]["next"] = _turn(request, "after", last)
        if begin > 0:
            body["paging"]["previous"] = _turn(request, "before", first)
    return meta(body)


def within_period(
    posts: Sequence[SandboxPost], request: Request, *, now: float
) -> list[SandboxPost]:
    """Those that were published between ``since`` and ``until``."""
    since, until = period_of(request, first=FIRST_SINCE, now=now)
    return [
        post
        for post in posts
        if (since is None or post.published_at >= since)
        and (until is None or post.published_at <= until)
    ]


def period_of(request: Request, *, first: int, now: float) -> tuple[float | None, float | None]:
    """``since`` and ``until``, checked."""
    since, until = moment_of(request, "since"), moment_of(request, "until")
    if since is not None and since < first:
        raise invalid_parameter(f"Param since must be at least {first}.")
    if until is not None and until > now:
        raise invalid_parameter("Param until must not be in the future.")
    if since is not None and until is not None and since >= until:
        raise invalid_parameter("Param since must be before until.")
    return since, until


def limit_of(request: Request) -> int:
    """``limit``: how many objects the page may hold."""
    given = request.query.get("limit") or str(PAGE)
    if not given.isdecimal() or not 1 <= int(given) <= PAGE_MAX:
        raise invalid_parameter(f"Param limit must be 1 to {PAGE_MAX}.")
    return int(given)


def moment_of(request: Request, name: str) -> float | None:
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


def _turn(request: Request, name: str, cursor: str) -> str:
    """The URL of another page. It holds the token, as Meta's do."""
    kept = {k: v for k, v in request.query.items() if k not in ("before", "after")}
    query = {**kept, "access_token": request.token or "", name: cursor}
    return f"{request.origin}{request.path}?{urlencode(query)}"
