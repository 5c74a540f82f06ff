"""
What an app submits: a `Post` of any length with any media, in Meta's words.

The models here check types only. Whether a post fits Meta's rules is decided in one
place, `threadsworker.plan`, which reports every broken rule at once.

The numbers below are Meta's. Page names stand for
https://developers.facebook.com/documentation/threads/<page>.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from os import PathLike
from typing import IO, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

#: Characters of text in one Threads post, measured by `threadsworker.text.measure`.
#: Source: page "overview" (2026-04-21).
TEXT_LIMIT = 500
#: Distinct URLs in one Threads post, text and link attachment together.
#: Source: page "changelog", entry of 2025-12-22.
LINK_LIMIT = 5
#: Items of a carousel. Source: page "posts" (2026-04-14).
CAROUSEL_MIN = 2
CAROUSEL_MAX = 20
#: Characters (code points) of an alt text. Source: page "reference/publishing" (2026-04-21).
ALT_TEXT_LIMIT = 1000
#: Characters of a topic tag, without its ``#``. Source: page "reference/publishing".
TOPIC_LIMIT = 50
#: Characters that a topic tag cannot hold. Source: pages "posts" and "threads-web-intents".
TOPIC_FORBIDDEN = ".&\n\t"
#: Options of a poll, and characters in one. Source: page "create-posts/polls".
POLL_OPTIONS_MIN = 2
POLL_OPTIONS_MAX = 4
POLL_OPTION_LIMIT = 25
#: The provider of GIFs; Tenor's support ended on 2026-03-31. Source: page "posts".
GIF_PROVIDER = "GIPHY"
#: Characters of a text attachment. Source: page "reference/publishing".
TEXT_ATTACHMENT_LIMIT = 10_000
#: How a range of it may look. Source: page "create-posts/text-attachments" (2026-07-02).
STYLES = frozenset({"bold", "italic", "highlight", "underline", "strikethrough"})
#: Spoiler ranges in one text. Source: page "reference/publishing".
SPOILER_LIMIT = 10
#: Bytes of an image, and its longer side over its shorter. Source: page "overview".
IMAGE_BYTES_LIMIT = 8 * 1024 * 1024
IMAGE_ASPECT_LIMIT = 10.0
#: Bytes and seconds of a video. Source: page "overview".
VIDEO_BYTES_LIMIT = 1024 * 1024 * 1024
VIDEO_SECONDS_LIMIT = 300
#: Published posts, replies and deletes in a moving 24 hours; a carousel counts as one.
#: Source: page "overview".
POST_QUOTA = 250
REPLY_QUOTA = 1000
DELETE_QUOTA = 100
QUOTA_HOURS = 24
#: Hours until an unpublished container reads EXPIRED. Source: page "troubleshooting".
CONTAINER_LIFE_HOURS = 24
#: Days that a long-lived token lives, and hours until it can be refreshed.
#: Source: page "get-started/long-lived-tokens".
TOKEN_LIFE_DAYS = 60
TOKEN_REFRESHABLE_AFTER_HOURS = 24
#: Bytes of a local file that GitHub's API takes reliably. Measured by others: 37.5 MB
#: accepted and 45 MB refused (Songmu, pull request 37, October 2025); base64 adds a third.
STAGED_BYTES_LIMIT = 35 * 1024 * 1024


#: The comma between two links in one string.
_NEXT_LINK = re.compile(r",\s*(?=https?://)", re.IGNORECASE)
#: Seconds that two segments may be apart at most: a container lives 24 hours.
LONGEST_PACE = 12 * 3600.0


class ReplyControl(StrEnum):
    """Who may reply. Source: page "reference/publishing" (2026-04-21)."""

    EVERYONE = "everyone"
    ACCOUNTS_YOU_FOLLOW = "accounts_you_follow"
    MENTIONED_ONLY = "mentioned_only"
    PARENT_POST_AUTHOR_ONLY = "parent_post_author_only"
    FOLLOWERS_ONLY = "followers_only"


class MediaKind(StrEnum):
    """What a medium is, to Meta."""

    IMAGE = "image"
    VIDEO = "video"


#: What a medium may be given as: a path, a public URL, base64, a data URI, bytes or a
#: file object opened for reading in binary mode.
MediaSource = str | PathLike[str] | bytes | bytearray | IO[bytes]


@dataclass(frozen=True)
class Media:
    """
    One image or video of a post, as its author gives it.

    `kind` is needed only for a URL whose path does not tell it; everything else is
    recognised by its content.
    """

    source: MediaSource
    kind: MediaKind | None = None
    alt_text: str | None = None


@dataclass(frozen=True)
class MediaItem:
    """
    One image or video after intake: what planning and the rows know of it.

    A local file has `sha256`, `content_type` and `size` (bytes) and no `url`; a public one
    has `url` and nothing else.
    """

    kind: MediaKind
    alt_text: str | None = None
    sha256: str | None = None
    content_type: str | None = None
    size: int | None = None
    url: str | None = None


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)


class Poll(_Frozen):
    """Two to four options of 1 to 25 characters: ``Poll(["yes", "no"])``; text-only posts."""

    options: tuple[str, ...]

    def __init__(self, options: Sequence[str] = (), **others: Any) -> None:
        fields: dict[str, Any] = {"options": options, **others}
        super().__init__(**fields)


class Gif(_Frozen):
    """A GIF of GIPHY, by its id there; text-only posts."""

    gif_id: str
    provider: str = GIF_PROVIDER


class Spoiler(_Frozen):
    """A range of the text that readers have to uncover, in characters of `Post.text`."""

    offset: int = Field(ge=0)
    length: int = Field(ge=1)


class Styling(_Frozen):
    """A range of a text attachment, in its characters, and how it looks: see `STYLES`."""

    offset: int = Field(ge=0)
    length: int = Field(ge=1)
    styling_info: tuple[str, ...]


class TextAttachment(_Frozen):
    """A long text (up to 10,000 characters) shown as an attachment; text-only posts."""

    plaintext: str
    link: str | None = None
    styling: tuple[Styling, ...] = ()


def _countries(value: Any) -> Any:
    """``"US,CA"`` and ``["US", "CA"]`` mean the same."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _links(value: Any) -> Any:
    """One link and a list of one mean the same; a comma may belong to a URL."""
    if isinstance(value, str):
        return tuple(part.strip() for part in _NEXT_LINK.split(value) if part.strip())
    return value


def _as_media(value: Any) -> Any:
    if isinstance(value, Media):
        return (value,)
    if isinstance(value, str | bytes | bytearray | PathLike) or hasattr(value, "read"):
        return (Media(value),)
    if isinstance(value, Sequence):
        return tuple(item if isinstance(item, Media) else Media(item) for item in value)
    return value


def _as_poll(value: Any) -> Any:
    return {"options": value} if isinstance(value, list | tuple) else value


def _as_gif(value: Any) -> Any:
    return Gif(gif_id=value) if isinstance(value, str) else value


def _as_text_attachment(value: Any) -> Any:
    return TextAttachment(plaintext=value) if isinstance(value, str) else value


def _as_spoilers(value: Any) -> Any:
    return (value,) if isinstance(value, str | Spoiler) else value


class Post(_Frozen):
    """
    A post of any length, with any number of media.

    It is cut into segments of at most 500 characters, each a Threads post; each replies to
    the one before. Nothing of it is dropped: what cannot be published is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    #: Any length. A line of ``---`` starts a new segment.
    text: str = ""
    #: In order; 20 per segment.
    media: Annotated[tuple[Media, ...], BeforeValidator(_as_media)] = ()

    #: Hashtags to deal out, with or without ``#``; they replace those at the end of the text
    #: as the ones to deal out, and those stay where they are.
    tags: tuple[str, ...] = ()
    #: Take the hashtags off the end of the text and deal them out, one per segment: Threads
    #: honours one tag per post.
    handle_hashtags: bool = True
    #: The same, but a segment that holds a hashtag already is passed over.
    auto_handle_hashtags: bool = False
    #: Put all the tags on every segment instead of dealing them out.
    persist_tags: bool = False
    #: The topic of the first segment, with or without ``#``.
    topic: str | None = None

    #: Link attachments, one per text-only segment.
    links: Annotated[tuple[str, ...], BeforeValidator(_links)] = ()
    #: Publish as a thread if need be. False: refuse what does not fit into one post.
    chain: bool = True
    #: End a segment that goes on, and begin the one that does, with "…".
    continuation_marks: bool = False
    #: End every segment of a thread with "1/7".
    numbering: bool = False

    #: Media id of the post that the first segment replies to.
    reply_to: str | None = None
    #: Media id of a post to quote, on the first segment or on all of them.
    quote: str | None = None
    quote_all: bool = False
    #: Who may reply, on every segment.
    reply_control: ReplyControl | None = None
    #: Replies stay hidden until approved, on every segment.
    reply_approvals: bool = False
    #: ISO 3166-1 alpha-2 codes; the account needs Meta's geo-gating.
    countries: Annotated[tuple[str, ...], BeforeValidator(_countries)] = ()

    #: On the first segment:
    #: A list of its options does, as do a GIF's id and the attachment's text.
    poll: Annotated[Poll | None, BeforeValidator(_as_poll)] = None
    gif: Annotated[Gif | None, BeforeValidator(_as_gif)] = None
    text_attachment: Annotated[TextAttachment | None, BeforeValidator(_as_text_attachment)] = None
    #: Id of one of Meta's locations.
    location_id: str | None = None
    #: Gone after 24 hours; text-only, and neither a reply nor a thread.
    ghost: bool = False
    #: Share the first segment to the Instagram story too, and how that looks.
    share_to_instagram: bool = False
    instagram_dark_mode: bool = False

    #: What of `text` to hide until tapped: ranges, or the words themselves, wherever they stand.
    spoilers: Annotated[tuple[Spoiler | str, ...], BeforeValidator(_as_spoilers)] = ()
    #: Hide all media until tapped.
    spoiler_media: bool = False

    #: Seconds between two segments of the thread, and the most that is added at random.
    pace: float = Field(default=0.0, ge=0, le=LONGEST_PACE)
    pace_jitter: float = Field(default=0.0, ge=0, le=LONGEST_PACE)
    #: Ask Meta for what is left of the publishing quota before anything goes out; None: as the
    #: account has it.
    check_rate_limit_before_post: bool | None = None
    #: Wait for room in the quota; False: fail at once. None: as the account has it.
    wait_on_rate_limit: bool | None = None


@dataclass(frozen=True)
class Segment:
    """One Threads post of the thread: what `threadsworker.plan` makes of a `Post`."""

    index: int
    #: Exactly what Meta is given. May be empty if there are media.
    text: str
    media: tuple[MediaItem, ...] = ()
    topic: str | None = None
    link: str | None = None
    quote: str | None = None
    reply_control: ReplyControl | None = None
    reply_approvals: bool = False
    countries: tuple[str, ...] = ()
    poll: Poll | None = None
    gif: Gif | None = None
    text_attachment: TextAttachment | None = None
    location_id: str | None = None
    ghost: bool = False
    share_to_instagram: bool = False
    instagram_dark_mode: bool = False
    #: In characters of this segment's `text`.
    spoilers: tuple[Spoiler, ...] = ()
    spoiler_media: bool = False
