"""
What Meta's API gives back when it is read. Fields without a value are absent, never null; fields
that are not named here are kept all the same.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

#: Ids are above 2^53 and once came as JSON numbers; here they are text.
Id = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


def _moment(value: Any) -> Any:
    """Meta's offsets lack the colon: ``2023-10-17T05:42:03+0000``."""
    return datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z") if isinstance(value, str) else value


Moment = Annotated[datetime, BeforeValidator(_moment)]


class MetaObject(BaseModel):
    """Something that Meta tells of, with whatever else Meta tells of it."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Reference(MetaObject):
    """Another object, by its id."""

    id: Id


class Children(MetaObject):
    """The items of a carousel."""

    data: tuple[Reference, ...] = ()


class Profile(MetaObject):
    """
    The account's own profile.

    Source: https://developers.facebook.com/documentation/threads/threads-profiles (2026-04-21).
    """

    id: Id
    username: str | None = None
    name: str | None = None
    threads_profile_picture_url: str | None = None
    threads_biography: str | None = None
    is_verified: bool | None = None
    is_eligible_for_geo_gating: bool | None = None


class PublicProfile(MetaObject):
    """
    Somebody's profile, as everybody sees it; the counts are of the last 7 days.

    Source: https://developers.facebook.com/documentation/threads/threads-profiles (2026-04-21).
    """

    username: str
    name: str | None = None
    profile_picture_url: str | None = None
    biography: str | None = None
    is_verified: bool | None = None
    follower_count: int | None = None
    likes_count: int | None = None
    quotes_count: int | None = None
    replies_count: int | None = None
    reposts_count: int | None = None
    views_count: int | None = None


class PollResult(MetaObject):
    """A poll and its votes; shares are fractions of 1."""

    option_a: str | None = None
    option_b: str | None = None
    option_c: str | None = None
    option_d: str | None = None
    option_a_votes_percentage: float | None = None
    option_b_votes_percentage: float | None = None
    option_c_votes_percentage: float | None = None
    option_d_votes_percentage: float | None = None
    total_votes: int | None = None
    expiration_timestamp: Moment | None = None


class Location(MetaObject):
    """
    A place that posts can be tagged with.

    Source: https://developers.facebook.com/documentation/threads/reference/location (2026-04-21).
    """

    id: Id
    name: str | None = None
    address: str | None = None
    city: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    postal_code: str | None = None


class MediaObject(MetaObject):
    """
    A published post, or a reply.

    Source: https://developers.facebook.com/documentation/threads/reference/media (2026-04-21).
    """

    id: Id
    #: ``TEXT_POST``, ``IMAGE``, ``VIDEO``, ``CAROUSEL_ALBUM``, ``AUDIO``, ``REPOST_FACADE``.
    media_type: str | None = None
    #: Signed, and good for a while only.
    media_url: str | None = None
    text: str | None = None
    permalink: str | None = None
    shortcode: str | None = None
    timestamp: Moment | None = None
    username: str | None = None
    owner: Reference | None = None
    children: Children | None = None
    alt_text: str | None = None
    topic_tag: str | None = None
    is_quote_post: bool | None = None
    quoted_post: Reference | None = None
    reposted_post: Reference | None = None
    poll_attachment: PollResult | None = None
    has_replies: bool | None = None
    is_reply: bool | None = None
    is_reply_owned_by_me: bool | None = None
    replied_to: Reference | None = None
    root_post: Reference | None = None
    #: ``NOT_HUSHED``, ``UNHUSHED``, ``HIDDEN``, ``COVERED``, ``BLOCKED``, ``RESTRICTED``.
    hide_status: str | None = None
    #: ``EVERYONE``, ``ACCOUNTS_YOU_FOLLOW``, ``MENTIONED_ONLY`` …
    reply_audience: str | None = None
    #: Of a reply to a post whose replies are approved: ``pending`` or ``ignored``.
    reply_approval_status: str | None = None
    #: ``ACTIVE`` or ``ARCHIVED``.
    ghost_post_status: str | None = None
    ghost_post_expiration_timestamp: Moment | None = None
    location_id: Id | None = None
    location: Location | None = None


class Embed(MetaObject):
    """
    What puts a post into a web page.

    Source: https://developers.facebook.com/documentation/threads/reference/oembed (2026-04-21).
    """

    html: str
    type: str | None = None
    version: str | None = None
    provider_name: str | None = None
    provider_url: str | None = None
    #: Pixels.
    width: int | None = None


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
    """A long-lived token, as an exchange or a refresh gives it."""

    model_config = ConfigDict(frozen=True)

    access_token: SecretStr = Field(min_length=1)
    token_type: str = "bearer"  # noqa: S105 - a kind of token
    #: Seconds, if Meta tells.
    expires_in: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As Meta gives it, **with the token**."""
        return {**self.model_dump(), "access_token": self.access_token.get_secret_value()}


def _epoch(value: Any) -> Any:
    """Seconds since 1970; 0 is never."""
    return (datetime.fromtimestamp(value, UTC) if value else None) if _is_number(value) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


Epoch = Annotated[datetime | None, BeforeValidator(_epoch)]


class TokenFacts(MetaObject):
    """
    What Meta knows of a token.

    Source: https://developers.facebook.com/documentation/threads/reference/debug-token
    (2026-08-12).
    """

    is_valid: bool
    user_id: Id | None = None
    scopes: tuple[str, ...] = ()
    issued_at: Epoch = None
    #: None: never, or not told.
    expires_at: Epoch = None
    data_access_expires_at: Epoch = None
