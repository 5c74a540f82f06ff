"""What a container is made from, and what Meta says of one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from threadsworker.post import Gif, Poll, ReplyControl, Spoiler, Styling, TextAttachment

#: What Meta counts offsets and lengths in, of spoilers and of styles. Not stated for Threads;
#: the Graph API's own ranges are counted in code points
#: (https://developers.facebook.com/docs/graph-api/reference/entity-at-text-range). A text
#: without emoji is the same in both.
OFFSETS: Literal["code points", "utf-16 units"] = "code points"


class MediaType(StrEnum):
    TEXT = "TEXT"
    IMAGE = "IMAGE"
    VIDEO = "VIDEO"
    CAROUSEL = "CAROUSEL"


class StatusCode(StrEnum):
    """
    Meta's words for the state of a container.

    Source: https://developers.facebook.com/documentation/threads/troubleshooting
    (2026-04-21).
    """

    #: Meta is still at work on it.
    IN_PROGRESS = "IN_PROGRESS"
    #: Ready to be published.
    FINISHED = "FINISHED"
    #: It is live.
    PUBLISHED = "PUBLISHED"
    #: It cannot be published; `error_message` says why.
    ERROR = "ERROR"
    #: It was not published within 24 hours.
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class ContainerStatus:
    #: A word of Meta's that we do not know reads as IN_PROGRESS: neither ready nor dead.
    status: StatusCode
    #: Meta's word for what is wrong, such as ``FAILED_DOWNLOADING_VIDEO``.
    error_message: str | None = None


@dataclass(frozen=True)
class Made:
    """What Meta has just made: a container, or a post."""

    id: str
    #: ``SUCCESS`` or ``FAILED``, if Meta says what became of sharing it to Instagram. The post
    #: itself does not depend on it.
    instagram: str | None = None


@dataclass(frozen=True)
class ContainerSpec:
    """
    Every parameter of a container but one.

    ``auto_publish_text`` is left out on purpose: with it, creating is publishing, and after
    a lost answer there is no container to ask what happened.

    Source: https://developers.facebook.com/documentation/threads/reference/publishing
    (2026-04-21).
    """

    media_type: MediaType
    text: str | None = None
    image_url: str | None = None
    video_url: str | None = None
    is_carousel_item: bool = False
    #: Ids of 2 to 20 containers made with `is_carousel_item`.
    children: tuple[str, ...] = ()
    #: The parent's media id, never a container id.
    reply_to_id: str | None = None
    reply_control: ReplyControl | None = None
    allowlisted_country_codes: tuple[str, ...] = ()
    alt_text: str | None = None
    link_attachment: str | None = None
    quote_post_id: str | None = None
    poll_attachment: Poll | None = None
    topic_tag: str | None = None
    is_spoiler_media: bool = False
    text_entities: tuple[Spoiler, ...] = ()
    text_attachment: TextAttachment | None = None
    gif_attachment: Gif | None = None
    is_ghost_post: bool = False
    enable_reply_approvals: bool = False
    location_id: str | None = None
    crossreshare_to_ig: bool = False
    crossreshare_to_ig_dark_mode: bool = False

    def form(self) -> dict[str, str]:
        """The form fields; only what is set. Objects are JSON in a field, as Meta wants them."""
        fields: dict[str, Any] = {
            "media_type": self.media_type.value,
            "text": self.text,
            "image_url": self.image_url,
            "video_url": self.video_url,
            "is_carousel_item": self.is_carousel_item,
            "children": ",".join(self.children),
            "reply_to_id": self.reply_to_id,
            "reply_control": self.reply_control.value if self.reply_control else None,
            "allowlisted_country_codes": ",".join(self.allowlisted_country_codes),
            "alt_text": self.alt_text,
            "link_attachment": self.link_attachment,
            "quote_post_id": self.quote_post_id,
            "poll_attachment": _poll(self.poll_attachment),
            "topic_tag": self.topic_tag,
            "is_spoiler_media": self.is_spoiler_media,
            "text_entities": _spoilers(self.text_entities, self.text or ""),
            "text_attachment": _attachment(self.text_attachment),
            "gif_attachment": self.gif_attachment.model_dump() if self.gif_attachment else None,
            "is_ghost_post": self.is_ghost_post,
            "enable_reply_approvals": self.enable_reply_approvals,
            "location_id": self.location_id,
            "crossreshare_to_ig": self.crossreshare_to_ig,
            "crossreshare_to_ig_dark_mode": self.crossreshare_to_ig_dark_mode,
        }
        return {name: _written(value) for name, value in fields.items() if value}


def _written(value: Any) -> str:
    if value is True:
        return "true"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _poll(poll: Poll | None) -> dict[str, str] | None:
    # Meta drops a poll of any other shape without a word.
    if poll is None:
        return None
    return {f"option_{letter}": text for letter, text in zip("abcd", poll.options, strict=False)}


def _spoilers(spoilers: tuple[Spoiler, ...], text: str) -> list[dict[str, Any]]:
    return [{"entity_type": "SPOILER", **_range(text, one)} for one in spoilers]


def _attachment(attachment: TextAttachment | None) -> dict[str, Any] | None:
    if attachment is None:
        return None
    fields: dict[str, Any] = {"plaintext": attachment.plaintext}
    if attachment.link is not None:
        fields["link_attachment_url"] = attachment.link
    if attachment.styling:
        fields["text_with_styling_info"] = [
            {**_range(attachment.plaintext, one), "styling_info": list(one.styling_info)}
            for one in attachment.styling
        ]
    return fields


def _range(text: str, one: Spoiler | Styling) -> dict[str, int]:
    """Where the range lies in the text, as Meta counts."""
    before, within = text[: one.offset], text[one.offset : one.offset + one.length]
    return {"offset": _count(before), "length": _count(within)}


def _count(text: str) -> int:
    return len(text) if OFFSETS == "code points" else len(text.encode("utf-16-le")) // 2
