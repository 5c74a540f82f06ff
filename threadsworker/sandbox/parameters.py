"""
The parameters of a container, checked as Meta checks them.

Source: https://developers.facebook.com/documentation/threads/reference/publishing
(2026-04-21), and facts reported by its users.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from threadsworker.post import (
    ALT_TEXT_LIMIT,
    CAROUSEL_MAX,
    CAROUSEL_MIN,
    LINK_LIMIT,
    POLL_OPTION_LIMIT,
    POLL_OPTIONS_MIN,
    SPOILER_LIMIT,
    TEXT_ATTACHMENT_LIMIT,
    TEXT_LIMIT,
    TOPIC_FORBIDDEN,
    TOPIC_LIMIT,
    ReplyControl,
)
from threadsworker.sandbox.answers import MetaRefused, invalid_parameter
from threadsworker.sandbox.options import Kind, SandboxAccount, SandboxOptions
from threadsworker.text import measure

_URL = re.compile(r"(?<![\w@./])(?:https?://|www\.)\S+", re.IGNORECASE)
_TAG = re.compile(r"(?<![\w/#&])#(?!\d+(?:[\s.&@!?,;:]|$))([^\s.&@!?,;:#]{1,50})")
_TEXT_ONLY = (
    "link_attachment",
    "poll_attachment",
    "text_attachment",
    "gif_attachment",
    "is_ghost_post",
    "auto_publish_text",
)


@dataclass(frozen=True)
class ContainerParameters:
    """What a container is made from. Values that Meta ignores are not here but in `dropped`."""

    kind: Kind
    text: str | None = None
    #: Of an image or a video.
    media_url: str | None = None
    alt_text: str | None = None
    is_carousel_item: bool = False
    children: tuple[str, ...] = ()
    reply_to_id: str | None = None
    quote_post_id: str | None = None
    reply_control: str | None = None
    countries: tuple[str, ...] = ()
    link: str | None = None
    topic: str | None = None
    poll: Mapping[str, str] | None = None
    gif: Mapping[str, Any] | None = None
    text_attachment: Mapping[str, Any] | None = None
    text_entities: tuple[Mapping[str, Any], ...] = ()
    location_id: str | None = None
    is_spoiler_media: bool = False
    is_ghost_post: bool = False
    enable_reply_approvals: bool = False
    crossreshare_to_ig: bool = False
    auto_publish: bool = False
    dropped: tuple[str, ...] = field(default=())


def read_parameters(
    given: Mapping[str, str], options: SandboxOptions, account: SandboxAccount
) -> ContainerParameters:
    """
    The parameters as Meta understands them.

    Raises
    ------
    MetaRefused:
        The first rule that is broken. Parents, quoted posts and children are not looked up.
    """
    kind = _kind(given)
    _check_text_only(given, kind)
    text = given.get("text") or None
    poll, dropped = _poll(given)
    read = ContainerParameters(
        kind=kind,
        text=text,
        media_url=_media_url(given, kind),
        alt_text=_alt_text(given, kind),
        is_carousel_item=_flag(given, "is_carousel_item"),
        children=_children(given, kind),
        reply_to_id=given.get("reply_to_id") or None,
        quote_post_id=given.get("quote_post_id") or None,
        reply_control=_reply_control(given),
        countries=_countries(given, account),
        link=given.get("link_attachment") or None,
        topic=_topic(given, text),
        poll=poll,
        gif=_gif(given),
        text_attachment=_text_attachment(given),
        text_entities=_text_entities(given, text),
        location_id=given.get("location_id") or None,
        is_spoiler_media=_flag(given, "is_spoiler_media"),
        is_ghost_post=_flag(given, "is_ghost_post"),
        enable_reply_approvals=_flag(given, "enable_reply_approvals"),
        crossreshare_to_ig=_flag(given, "crossreshare_to_ig"),
        auto_publish=_flag(given, "auto_publish_text"),
        dropped=dropped,
    )
    _check_text(read, options)
    _check_links(read)
    _check_combinations(read)
    return read


def _flag(given: Mapping[str, str], name: str) -> bool:
    return given.get(name, "").lower() in ("true", "1")


def _required(name: str) -> MetaRefused:
    return MetaRefused(f"(#100) The parameter {name} is required", code=100)


def _kind(given: Mapping[str, str]) -> Kind:
    # One of Meta's samples writes it in lower case, and one leaves it out for an image.
    kind = given.get("media_type", "").upper() or ("IMAGE" if given.get("image_url") else "")
    if not kind:
        raise _required("media_type")
    if kind not in get_args(Kind):
        raise MetaRefused(
            f"(#100) Param media_type must be one of {{{', '.join(get_args(Kind))}}} - got "
            f'"{kind}".',
            code=100,
        )
    return cast(Kind, kind)


def _check_text_only(given: Mapping[str, str], kind: Kind) -> None:
    if kind == "TEXT":
        if given.get("alt_text"):
            raise invalid_parameter("Param alt_text is not allowed for media type TEXT.")
        return
    for name in _TEXT_ONLY:
        if given.get(name, "").lower() not in ("", "false", "0"):
            raise invalid_parameter(f"Param {name} is only allowed for media type TEXT.")


def _media_url(given: Mapping[str, str], kind: Kind) -> str | None:
    if kind not in ("IMAGE", "VIDEO"):
        return None
    name = f"{kind.lower()}_url"
    url = given.get(name)
    if not url:
        raise _required(name)
    if not url.startswith(("http://", "https://")):
        raise invalid_parameter(f"Param {name} is not a valid URI.")
    return url


def _alt_text(given: Mapping[str, str], kind: Kind) -> str | None:
    alt_text = given.get("alt_text") or None
    if alt_text is not None and len(alt_text) > ALT_TEXT_LIMIT:
        raise invalid_parameter(f"Param alt_text must be at most {ALT_TEXT_LIMIT} characters long.")
    return alt_text if kind != "CAROUSEL" else None


def _children(given: Mapping[str, str], kind: Kind) -> tuple[str, ...]:
    if kind != "CAROUSEL":
        return ()
    children = tuple(part.strip() for part in given.get("children", "").split(",") if part.strip())
    if not CAROUSEL_MIN <= len(children) <= CAROUSEL_MAX:
        raise invalid_parameter(
            f"Param children must have {CAROUSEL_MIN} to {CAROUSEL_MAX} items, not {len(children)}."
        )
    return children


def _reply_control(given: Mapping[str, str]) -> str | None:
    control = given.get("reply_control") or None
    if control is not None and control not in list(ReplyControl):
        raise MetaRefused(
            f"(#100) Param reply_control must be one of {{{', '.join(ReplyControl)}}} - got "
            f'"{control}".',
            code=100,
        )
    return control


def _countries(given: Mapping[str, str], account: SandboxAccount) -> tuple[str, ...]:
    codes = tuple(
        code.strip() for code in given.get("allowlisted_country_codes", "").split(",") if code
    )
    if codes and not account.is_eligible_for_geo_gating:
        raise invalid_parameter("THREADS_API__FEATURE_NOT_AVAILABLE")
    if not all(re.fullmatch(r"[A-Z]{2}", code) for code in codes):
        raise invalid_parameter("THREADS_API__GEO_GATING_INVALID_COUNTRY_CODES")
    return codes


def _topic(given: Mapping[str, str], text: str | None) -> str | None:
    topic = given.get("topic_tag") or None
    if topic is None:
        found = _TAG.search(text or "")
        return found.group(1) if found else None
    if len(topic) > TOPIC_LIMIT or any(mark in topic for mark in TOPIC_FORBIDDEN):
        raise invalid_parameter(
            f"Param topic_tag must be 1 to {TOPIC_LIMIT} characters long, without periods and "
            "ampersands."
        )
    return topic.removeprefix("#")


def _object(given: Mapping[str, str], name: str) -> Any:
    if not given.get(name):
        return None
    try:
        return json.loads(given[name])
    except ValueError:
        raise invalid_parameter(f"Param {name} must be valid JSON.") from None


def _poll(given: Mapping[str, str]) -> tuple[Mapping[str, str] | None, tuple[str, ...]]:
    """The poll, and what was dropped: a poll of another shape goes without a word."""
    if not given.get("poll_attachment"):
        return None, ()
    try:
        found = json.loads(given["poll_attachment"])
    except ValueError:
        found = None
    names = [f"option_{letter}" for letter in "abcd"]
    options = {
        name: found[name]
        for name in names
        if isinstance(found, dict) and isinstance(found.get(name), str) and found[name]
    }
    if not {*names[:POLL_OPTIONS_MIN]} <= options.keys():
        return None, ("poll_attachment",)
    if any(len(option) > POLL_OPTION_LIMIT for option in options.values()):
        raise invalid_parameter(
            f"Poll options must be at most {POLL_OPTION_LIMIT} characters long."
        )
    return options, ()


def _gif(given: Mapping[str, str]) -> Mapping[str, Any] | None:
    gif = _object(given, "gif_attachment")
    if gif is None:
        return None
    if not isinstance(gif, dict) or not gif.get("gif_id") or gif.get("provider") != "GIPHY":
        raise invalid_parameter("Param gif_attachment needs a gif_id and the provider GIPHY.")
    return gif


def _text_attachment(given: Mapping[str, str]) -> Mapping[str, Any] | None:
    attachment = _object(given, "text_attachment")
    if attachment is None:
        return None
    text = attachment.get("plaintext") if isinstance(attachment, dict) else None
    if not isinstance(text, str) or not 0 < len(text) <= TEXT_ATTACHMENT_LIMIT:
        raise invalid_parameter(
            f"Text attachment plaintext must be 1 to {TEXT_ATTACHMENT_LIMIT} characters long."
        )
    found: Mapping[str, Any] = attachment
    return found


def _text_entities(given: Mapping[str, str], text: str | None) -> tuple[Mapping[str, Any], ...]:
    entities = _object(given, "text_entities") or []
    good = isinstance(entities, list) and all(_is_spoiler(one, text or "") for one in entities)
    if not good or len(entities) > SPOILER_LIMIT:
        raise invalid_parameter(f"Param text_entities takes up to {SPOILER_LIMIT} spoiler ranges.")
    return tuple(entities)


def _is_spoiler(entity: Any, text: str) -> bool:
    if not isinstance(entity, dict) or str(entity.get("entity_type")).upper() != "SPOILER":
        return False
    offset, length = entity.get("offset"), entity.get("length")
    if not isinstance(offset, int) or not isinstance(length, int):
        return False
    # Code points or UTF-16 units: Meta does not say, so both are in range.
    return offset >= 0 and length >= 1 and offset + length <= len(text.encode("utf-16-le")) // 2


def _length(text: str, options: SandboxOptions) -> int:
    if options.text_rule == "bytes":
        return len(text.encode())
    return len(text) if options.text_rule == "codepoints" else measure(text)


def _check_text(read: ContainerParameters, options: SandboxOptions) -> None:
    attached = read.link or read.gif or read.text_attachment or read.poll
    if read.kind == "TEXT" and not read.text and not attached:
        raise _required("text")
    if read.text and _length(read.text, options) > TEXT_LIMIT:
        raise invalid_parameter(
            f"Param text must be at most {TEXT_LIMIT} characters long.",
            status=options.text_error_status,
        )


def _check_links(read: ContainerParameters) -> None:
    """Distinct URLs of text and attachments. The body of the refusal is not known."""
    found = {url.rstrip(".,;:!?)]}'\"") for url in _URL.findall(read.text or "")}
    attached = read.text_attachment or {}
    found |= {url for url in (read.link, attached.get("link_attachment_url")) if url}
    if len(found) > LINK_LIMIT:
        raise invalid_parameter("THREADS_API__LINK_LIMIT_EXCEEDED")


def _check_combinations(read: ContainerParameters) -> None:
    attachments = [read.poll, read.gif, read.text_attachment]
    if sum(one is not None for one in attachments) > 1 or (read.poll and read.link):
        raise invalid_parameter("Only one kind of attachment is allowed.")
    if read.text_attachment and read.link and read.text_attachment.get("link_attachment_url"):
        raise invalid_parameter("Only one link attachment is allowed.")
    if read.is_ghost_post and (
        read.reply_to_id or read.enable_reply_approvals or read.link or any(attachments)
    ):
        raise invalid_parameter("Param is_ghost_post cannot be combined with other parameters.")
    if read.is_spoiler_media and read.kind == "TEXT":
        raise invalid_parameter("Param is_spoiler_media is not allowed for media type TEXT.")
