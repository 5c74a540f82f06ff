"""Listings of posts, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from threadsworker.threads_api.answers import read_as
from threadsworker.threads_api.arguments import FIRST_POST, When, at_most, page_of, period
from threadsworker.threads_api.connection import Connection
from threadsworker.threads_api.objects import MediaObject


class Listing(Connection):
    """Arguments are checked when a listing is asked for, and pages are read as it is walked."""

    def _posts(
        self, path: str, params: dict[str, str], *, fields: Sequence[str], limit: int | None
    ) -> Iterator[MediaObject]:
        """The posts of a listing, `limit` in all, or all of them."""
        found = self._walk(path, {"fields": ",".join(fields), **params})
        return islice(found, at_most(limit))

    def _walk(self, path: str, params: dict[str, str]) -> Iterator[MediaObject]:
        for found in self.pages(path, **params):
            yield read_as(MediaObject, found)

    def _timeline(
        self,
        path: str,
        *,
        since: When | None,
        until: When | None,
        limit: int | None,
        fields: Sequence[str],
        **params: str,
    ) -> Iterator[MediaObject]:
        """A listing that takes a period and a size of pages."""
        asked = params | page_of(limit) | period(since, until, first=FIRST_POST)
        return self._posts(path, asked, fields=fields, limit=limit)
