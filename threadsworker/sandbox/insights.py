"""
Insights: figures that are the same whenever they are asked for.

Source: https://developers.facebook.com/documentation/threads/insights (2026-04-21).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from threadsworker.sandbox.answers import (
    Answer,
    MetaRefused,
    invalid_parameter,
    meta,
    no_permission,
    no_such_object,
)
from threadsworker.sandbox.listing import period_of
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.posts import Posts
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World, iso

MEDIA_METRICS = ("views", "likes", "replies", "reposts", "quotes", "shares")
USER_METRICS = (
    "views",
    "likes",
    "replies",
    "reposts",
    "quotes",
    "clicks",
    "followers_count",
    "follower_demographics",
)
BREAKDOWNS: Mapping[str, tuple[str, ...]] = {
    "country": ("NG", "US", "DE"),
    "city": ("Lagos, Lagos", "Berlin, Berlin"),
    "age": ("18-24", "25-34", "35-44"),
    "gender": ("F", "M", "U"),
}
#: Metrics that take no period.
_TIMELESS = ("followers_count", "follower_demographics")
#: The first second of which there are figures: 13 April 2024.
FIRST_FIGURE = 1712991600
#: Followers from which on Meta tells who they are.
_MIN_FOLLOWERS = 100
_DAY = 86400


class Insights:
    """Used under the world's lock."""

    def __init__(self, world: World, *, posts: Posts) -> None:
        self._world = world
        self._posts = posts

    def of_media(self, media_id: str, request: Request, account: SandboxAccount) -> Answer:
        """GET /{media}/insights; nothing for a repost."""
        post = self._posts.get(media_id)
        if post is None:
            raise no_such_object(media_id, "get")
        if post.user_id != account.user_id:
            raise no_permission()
        metrics = _metrics(request, MEDIA_METRICS)
        if post.kind == "REPOST_FACADE":
            return meta({"data": []})
        return meta(
            {
                "data": [
                    _insight(name, "lifetime", media_id)
                    | {"values": [{"value": figure(media_id, name)}]}
                    for name in metrics
                ]
            }
        )

    def of_user(self, request: Request, account: SandboxAccount) -> Answer:
        """GET /{user}/threads_insights."""
        now = self._world.now()
        metrics = _metrics(request, USER_METRICS)
        for name in ("since", "until"):
            # Listings take dates too; here only seconds are documented.
            if not request.query.get(name, "0").isdecimal():
                raise invalid_parameter(f"Param {name} must be a Unix timestamp.")
        since, until = period_of(request, first=FIRST_FIGURE, now=now)
        if since is not None or until is not None:
            for name in _TIMELESS:
                if name in metrics:
                    raise invalid_parameter(f"Metric {name} does not support since and until.")
        begin, end = since if since is not None else now - _DAY, until if until is not None else now
        return meta(
            {"data": [self._of_user(name, request, account, begin, end) for name in metrics]}
        )

    def _of_user(
        self, name: str, request: Request, account: SandboxAccount, begin: float, end: float
    ) -> dict[str, Any]:
        user_id = account.user_id
        found = _insight(name, "day", user_id)
        match name:
            case "views":
                first = int(begin) // _DAY
                days = range(first, max(first + 1, -(-int(end) // _DAY)))
                return found | {"values": [_day(user_id, day) for day in days]}
            case "clicks":
                links = {p.link for p in self._posts.all() if p.user_id == user_id and p.link}
                values = [{"value": figure(user_id, x), "link_url": x} for x in sorted(links)]
                return found | {"link_total_values": values}
            case "followers_count":
                return found | {"total_value": {"value": account.followers}}
            case "follower_demographics":
                return found | {"total_value": _demographics(request, account)}
            case _:
                return found | {"total_value": {"value": figure(user_id, name)}}


def figure(*what: str | int) -> int:
    """A number from 0 to 999 that is always the same for the same thing."""
    return zlib.crc32("/".join(map(str, what)).encode()) % 1000


def _day(user_id: str, day: int) -> dict[str, Any]:
    # Meta's days end in the morning, by UTC.
    return {"value": figure(user_id, "views", day), "end_time": iso(day * _DAY + 8 * 3600)}


def _insight(name: str, period: str, of: str) -> dict[str, Any]:
    return {
        "name": name,
        "period": period,
        "title": name.replace("_", " ").capitalize(),
        "description": f"The {name.replace('_', ' ')} of the sandbox.",
        "id": f"{of}/insights/{name}/{period}",
    }


def _metrics(request: Request, known: tuple[str, ...]) -> list[str]:
    given = [name.strip() for name in request.query.get("metric", "").split(",") if name.strip()]
    if not given:
        raise MetaRefused("(#100) The parameter metric is required", code=100)
    for number, name in enumerate(given):
        if name not in known:
            raise MetaRefused(
                f"(#100) Param metric[{number}] must be one of {{{', '.join(known)}}} - got "
                f'"{name}".',
                code=100,
            )
    return given


def _demographics(request: Request, account: SandboxAccount) -> dict[str, Any]:
    breakdown = request.query.get("breakdown", "")
    if breakdown not in BREAKDOWNS:
        raise MetaRefused(
            f"(#100) Param breakdown must be one of {{{', '.join(BREAKDOWNS)}}}.", code=100
        )
    if account.followers < _MIN_FOLLOWERS:
        raise invalid_parameter(f"At least {_MIN_FOLLOWERS} followers are needed.")
    parts = BREAKDOWNS[breakdown]
    results = [
        {"dimension_values": [part], "value": account.followers // len(parts)} for part in parts
    ]
    return {"breakdowns": [{"dimension_keys": [breakdown], "results": results}]}
