"""
Discovery: where the account is mentioned, posts by keyword, others' profiles, places.

Source: https://developers.facebook.com/documentation/threads/keyword-search, …/threads-mentions,
…/threads-profiles and …/reference/location-search (2026-04-21).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

from threadsworker.errors import AnswerLost
from threadsworker.threads_api import fields as known
from threadsworker.threads_api.answers import read_as
from threadsworker.threads_api.arguments import When, object_id, refusal, username_of, word_of
from threadsworker.threads_api.listing import Listing
from threadsworker.threads_api.objects import Location, MediaObject, PublicProfile


class SearchType(StrEnum):
    """Which posts come first."""

    TOP = "TOP"
    RECENT = "RECENT"


class SearchMode(StrEnum):
    """What is searched: words of the text, or topics."""

    KEYWORD = "KEYWORD"
    TAG = "TAG"


class SearchMedia(StrEnum):
    """Posts of one kind only."""

    TEXT = "TEXT"
    IMAGE = "IMAGE"
    VIDEO = "VIDEO"


class Discovery(Listing):
    """
    All raise ApiError and NoAnswer, and `InvalidRequest` before anything is sent.

    Without Meta's App Review they see little: code 10/4279067, or only the app's testers.
    """

    def mentions(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Sequence[str] = known.FOUND,
    ) -> Iterator[MediaObject]:
        """Posts of public accounts that mention the account, newest first."""
        return self._timeline("/me/mentions", since=since, until=until, limit=limit, fields=fields)

    def keyword_search(
        self,
        q: str,
        *,
        search_type: SearchType | str | None = None,
        search_mode: SearchMode | str | None = None,
        media_type: SearchMedia | str | None = None,
        author_username: str | None = None,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Sequence[str] = known.FOUND,
    ) -> Iterator[MediaObject]:
        """
        Public posts by a word or a topic; none for words that Meta calls sensitive.

        At most 2,200 searches in 24 hours per account, over all apps; those without a result
        are free. Meta may give one page, and no cursor to another.
        """
        if not q.strip():
            raise refusal("q.missing", "there is nothing to search for", where="q", given=q)
        params = {"q": q}
        for name, kind, given in (
            ("search_type", SearchType, search_type),
            ("search_mode", SearchMode, search_mode),
            ("media_type", SearchMedia, media_type),
        ):
            if given is not None:
                params[name] = word_of(kind, given, where=name)
        if author_username is not None:
            params["author_username"] = username_of(author_username, where="author_username")
        return self._timeline(
            "/keyword_search", since=since, until=until, limit=limit, fields=fields, **params
        )

    def profile_lookup(self, username: str) -> PublicProfile:
        """
        A public profile of at least 100 followers, by its exact name, with or without ``@``.

        At most 1,000 look-ups in 24 hours, those of posts included.
        """
        params = {"username": username_of(username)}
        return read_as(PublicProfile, self.get("/profile_lookup", **params))

    def profile_posts(
        self,
        username: str,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Sequence[str] = known.FOUND,
    ) -> Iterator[MediaObject]:
        """The posts of a public profile, newest first."""
        return self._timeline(
            "/profile_posts",
            since=since,
            until=until,
            limit=limit,
            fields=fields,
            username=username_of(username),
        )

    def location_search(
        self,
        q: str | None = None,
        *,
        latitude: float | None = None,
        longitude: float | None = None,
        fields: Sequence[str] = known.LOCATION,
    ) -> tuple[Location, ...]:
        """
        Places by a word or by where they are, all in one answer; 500 searches in 24 hours.

        Meta's guide calls the word ``q`` and its reference ``query``: both are sent.
        """
        params = {"fields": ",".join(fields), **_place(q, latitude, longitude)}
        found: Any = self.get("/location_search", **params).get("data", [])
        if not isinstance(found, list):
            raise AnswerLost("GET /location_search: a listing without a list")
        return tuple(read_as(Location, one) for one in found)

    def location(self, location_id: str, *, fields: Sequence[str] = known.LOCATION) -> Location:
        """A place by its id."""
        path = f"/{object_id(location_id)}"
        return read_as(Location, self.get(path, fields=",".join(fields)))


def _place(q: str | None, latitude: float | None, longitude: float | None) -> dict[str, str]:
    """The place as parameters: a word, or two coordinates in degrees."""
    if q is not None and q.strip() and latitude is None and longitude is None:
        return {"q": q, "query": q}
    if q is not None or latitude is None or longitude is None:
        raise refusal(
            "location.incomplete",
            "give a word to search for, or both latitude and longitude",
            where="location",
        )
    for name, value, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if not -most <= value <= most:
            raise refusal(
                f"{name}.out_of_range",
                f"{name} must be {-most} to {most} degrees, not {value}",
                where=name,
                limit=most,
                given=value,
            )
    return {"latitude": str(latitude), "longitude": str(longitude)}
