"""
Reading: the account's own profile, posts and quotas, and any post by its id.

Source: https://developers.facebook.com/documentation/threads/reference/user and
…/reference/media (2026-04-21).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from threadsworker.threads_api import fields as known
from threadsworker.threads_api.answers import read_as
from threadsworker.threads_api.arguments import When, object_id
from threadsworker.threads_api.listing import Listing
from threadsworker.threads_api.objects import MediaObject, Profile, PublishingLimit

QuotaName = Literal["posts", "replies", "deletes", "locations"]
_QUOTAS: dict[QuotaName, tuple[str, str]] = {
    "posts": ("quota_usage", "config"),
    "replies": ("reply_quota_usage", "reply_config"),
    "deletes": ("delete_quota_usage", "delete_config"),
    "locations": ("location_search_quota_usage", "location_search_config"),
}


class Reading(Listing):
    """
    The account's own things. All raise ApiError and NoAnswer, and `InvalidRequest` before
    anything is sent.

    Of listings: `since` and `until` are aware datetimes, or dates, from 5 July 2023 on, `since`
    before `until`; `limit` is how many objects in all, None for every one.
    """

    def me(self, *, fields: Sequence[str] = known.PROFILE) -> Profile:
        """The account's own profile. Its id is text here; elsewhere Meta gives a number."""
        return read_as(Profile, self.get("/me", fields=",".join(fields)))

    def media(self, media_id: str, *, fields: Sequence[str] = known.MEDIA) -> MediaObject:
        """
        A published post.

        Raises
        ------
        NotReady, RequestRefused:
            It is not visible yet (a few seconds after publishing), or gone.
        """
        return read_as(MediaObject, self.get(f"/{object_id(media_id)}", fields=",".join(fields)))

    def own_threads(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Sequence[str] = known.POST,
    ) -> Iterator[MediaObject]:
        """The account's own posts that are no replies, newest first; reposts and quotes too."""
        return self._timeline("/me/threads", since=since, until=until, limit=limit, fields=fields)

    def ghost_posts(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Sequence[str] = known.GHOST,
    ) -> Iterator[MediaObject]:
        """The account's own ghost posts, those in the archive too, newest first."""
        return self._timeline(
            "/me/ghost_posts", since=since, until=until, limit=limit, fields=fields
        )

    def publishing_limit(self, *quotas: QuotaName) -> PublishingLimit:
        """
        What the account has used of its moving 24 hours, and what it is allowed.

        Each quota needs a permission of its own: without one Meta refuses the whole answer.
        """
        fields = ",".join(name for quota in quotas or _QUOTAS for name in _QUOTAS[quota])
        data = self.get("/me/threads_publishing_limit", fields=fields).get("data") or [{}]
        first = data[0] if isinstance(data, list) else data
        found = {name: _quota(first, *pair) for name, pair in _QUOTAS.items()}
        return read_as(PublishingLimit, found)


def _quota(data: Any, usage: str, config: str) -> dict[str, Any] | None:
    """One quota as Meta gives it; None if the token may not see it."""
    if not isinstance(data, dict) or usage not in data or config not in data:
        return None
    limits = data[config] if isinstance(data[config], dict) else {}
    return {
        "used": data[usage],
        "total": limits.get("quota_total"),
        "duration": limits.get("quota_duration"),
    }
