"""
Reading: the account's own profile, posts, replies and quotas.

Source: https://developers.facebook.com/documentation/threads/reference/user,
…/reference/media and …/reference/reply-management (2026-04-21).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from threadsworker.errors import AnswerLost
from threadsworker.threads_api.connection import Connection
from threadsworker.threads_api.objects import MediaObject, Profile, PublishingLimit

Read = TypeVar("Read", bound=BaseModel)

#: What a listing tells of a post.
LISTED = (
    "id",
    "media_type",
    "text",
    "permalink",
    "timestamp",
    "is_reply",
    "replied_to",
    "root_post",
    "children",
)
#: Objects of a page; Meta's maximum.
PAGE = 100
QuotaName = Literal["posts", "replies", "deletes", "locations"]
_QUOTAS: dict[QuotaName, tuple[str, str]] = {
    "posts": ("quota_usage", "config"),
    "replies": ("reply_quota_usage", "reply_config"),
    "deletes": ("delete_quota_usage", "delete_config"),
    "locations": ("location_search_quota_usage", "location_search_config"),
}


class Reading(Connection):
    """The calls that change nothing. All raise ApiError and NoAnswer."""

    def me(self, *, fields: Sequence[str] = ("id", "username", "name")) -> Profile:
        """The account's own profile. Its id is text here; elsewhere Meta gives a number."""
        return _read_as(Profile, self.get("/me", fields=",".join(fields)))

    def media(self, media_id: str, *, fields: Sequence[str] = LISTED) -> MediaObject:
        """
        A published post.

        Raises
        ------
        NotReady, RequestRefused:
            It is not visible yet (a few seconds after publishing), or gone.
        """
        return _read_as(MediaObject, self.get(f"/{media_id}", fields=",".join(fields)))

    def own_threads(
        self, *, since: datetime | None = None, fields: Sequence[str] = LISTED
    ) -> Iterator[MediaObject]:
        """The account's own posts that are no replies, newest first."""
        return self._listing("/me/threads", since=since, fields=fields)

    def own_replies(
        self, *, since: datetime | None = None, fields: Sequence[str] = LISTED
    ) -> Iterator[MediaObject]:
        """The account's own replies, newest first."""
        return self._listing("/me/replies", since=since, fields=fields)

    def publishing_limit(self, *quotas: QuotaName) -> PublishingLimit:
        """
        What the account has used of its moving 24 hours, and what it is allowed.

        Each quota needs a permission of its own: without one Meta refuses the whole answer.
        """
        fields = ",".join(name for quota in quotas or _QUOTAS for name in _QUOTAS[quota])
        data = self.get("/me/threads_publishing_limit", fields=fields).get("data") or [{}]
        first = data[0] if isinstance(data, list) else data
        found = {name: _quota(first, *pair) for name, pair in _QUOTAS.items()}
        return _read_as(PublishingLimit, found)

    def _listing(
        self, path: str, *, since: datetime | None, fields: Sequence[str]
    ) -> Iterator[MediaObject]:
        params = {"fields": ",".join(fields), "limit": str(PAGE)}
        if since is not None:
            params["since"] = str(int(since.timestamp()))
        for found in self.pages(path, **params):
            yield _read_as(MediaObject, found)


def _read_as(model: type[Read], answer: Any) -> Read:
    """The answer as an object; AnswerLost if it is of another shape."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        # Without what was read: it may be anything.
        places = {".".join(map(str, one["loc"])) for one in error.errors(include_input=False)}
        raise AnswerLost(f"an answer of another shape: {', '.join(sorted(places))}") from None


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
