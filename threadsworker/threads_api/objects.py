"""What Meta's API gives back when it is read. Fields without a value are absent, never null."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

#: Ids are above 2^53 and once came as JSON numbers; here they are text.
Id = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


def _moment(value: Any) -> Any:
    """Meta's offsets lack the colon: ``2023-10-17T05:42:03+0000``."""
    return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z") if isinstance(value, str) else value


Moment = Annotated[datetime, BeforeValidator(_moment)]


class _Object(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Reference(_Object):
    """Another object, by its id."""

    id: Id


class Children(_Object):
    """The items of a carousel."""

    data: tuple[Reference, ...] = ()


class Profile(_Object):
    """Source: https://developers.facebook.com/documentation/threads/threads-profiles."""

    id: Id
    username: str | None = None
    name: str | None = None
    is_eligible_for_geo_gating: bool | None = None


class MediaObject(_Object):
    """
    A published post.

    Source: https://developers.facebook.com/documentation/threads/reference/media (2026-04-21).
    """

    id: Id
    #: ``TEXT_POST``, ``IMAGE``, ``VIDEO``, ``CAROUSEL_ALBUM`` …
    media_type: str | None = None
    text: str | None = None
    permalink: str | None = None
    timestamp: Moment | None = None
    username: str | None = None
    is_reply: bool | None = None
    replied_to: Reference | None = None
    root_post: Reference | None = None
    children: Children | None = None


class Quota(BaseModel):
    """Used and allowed in a moving window of `duration` seconds."""

    model_config = ConfigDict(frozen=True)

    used: int
    total: int
    duration: int


class PublishingLimit(BaseModel):
    """
    The account's quotas; None for those that the token may not see.

    Source: https://developers.facebook.com/documentation/threads/reference/user (2026-04-21).
    """

    model_config = ConfigDict(frozen=True)

    posts: Quota | None = None
    replies: Quota | None = None
    deletes: Quota | None = None
    locations: Quota | None = None


class Token(BaseModel):
    model_config = ConfigDict(frozen=True)

    access_token: SecretStr
    #: Seconds.
    expires_in: int
