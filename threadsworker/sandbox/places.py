"""
Searching for places that posts can be tagged with, and reading them.

Source: https://developers.facebook.com/documentation/threads/reference/location-search
(2026-04-21).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from threadsworker.sandbox.answers import (
    Answer,
    MetaRefused,
    invalid_parameter,
    meta,
    nonexisting_field,
    quota_used_up,
)
from threadsworker.sandbox.fields import split_fields
from threadsworker.sandbox.gazetteer import NAMES, PLACES
from threadsworker.sandbox.options import SandboxAccount
from threadsworker.sandbox.posts import Posts
from threadsworker.sandbox.request import Request
from threadsworker.sandbox.world import World

#: Degrees within which a place counts as near.
_NEAR = 1.0


class Places:
    """Used under the world's lock."""

    def __init__(self, world: World, *, posts: Posts) -> None:
        self._world = world
        self._posts = posts

    def search(self, request: Request, account: SandboxAccount) -> Answer:
        """GET /location_search. The ids are numbers here, as in Meta's sample."""
        query = request.query
        word = (query.get("q") or query.get("query") or "").lower()
        if not word and not (query.get("latitude") and query.get("longitude")):
            raise MetaRefused("(#100) The parameter q is required", code=100)
        usage, now = self._posts.usage(account.user_id, "location searches"), self._world.now()
        if usage.used(now) >= self._world.options.location_search_quota:
            raise quota_used_up("location searches")
        found = _named(word) if word else _near(request)
        names = _asked(request)
        data = [{**_read(place, names), "id": int(place["id"])} for place in found]
        usage.add(now)
        return meta({"data": data})

    def place(self, place_id: str, request: Request) -> Answer:
        """GET /{location}."""
        return meta(_read(PLACES[place_id], _asked(request)))


def _named(word: str) -> list[Mapping[str, Any]]:
    return [
        place
        for place in PLACES.values()
        if word in place["name"].lower() or word in place["city"].lower()
    ]


def _near(request: Request) -> list[Mapping[str, Any]]:
    """Places near the two coordinates, the nearest first."""
    try:
        here = float(request.query["latitude"]), float(request.query["longitude"])
    except ValueError:
        raise invalid_parameter("Params latitude and longitude must be numbers.") from None
    far = {
        place["id"]: math.dist(here, (place["latitude"], place["longitude"]))
        for place in PLACES.values()
    }
    near = [place for place in PLACES.values() if far[place["id"]] <= _NEAR]
    return sorted(near, key=lambda place: far[place["id"]])


def _asked(request: Request) -> list[str]:
    names = list(filter(None, split_fields(request.query.get("fields") or "id")))
    for name in names:
        if name not in NAMES:
            raise nonexisting_field(name)
    return names


def _read(place: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: place[name] for name in names if name in place} | {"id": place["id"]}
