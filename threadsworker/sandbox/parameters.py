"""
The parameters of a container, checked as Meta checks them.

Source: https://developers.facebook.com/documentation/threads/reference/publishing
(2026-04-21), and facts reported by its users.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from threadsworker.plan.countries import COUNTRIES
from threadsworker.post import (
    ALT_TEXT_LIMIT,
    CAROUSEL_MAX,
    CAROUSEL_MIN,
    LINK_LIMIT,
    TEXT_LIMIT,
    TOPIC_FORBIDDEN,
    TOPIC_LIMIT,
    ReplyControl,
)
from threadsworker.sandbox.answers import MetaRefused, invalid_parameter
from threadsworker.sandbox.attachments import (
    read_gif,
    read_poll,
    read_text_attachment,
    read_text_entities,
)
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
#: All that a ghost post may be made with.
_OF_GHOSTS = ("media_type", "text", "text_entities", "is_ghost_post", "access_token")


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
    crossreshare_dark_mode: bool = False
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
    poll, dropped = read_poll(given)
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
        link=_link(given),
        topic=_topic(given, text),
        poll=poll,
        gif=read_gif(given),
        text_attachment=read_text_attachment(given),
        text_entities=read_text_entities(given, text),
        location_id=given.get("location_id") or None,
        is_spoiler_media=_flag(given, "is_spoiler_media"),
        is_ghost_post=_flag(given, "is_ghost_post"),
        enable_reply_approvals=_flag(given, "enable_reply_approvals"),
        crossreshare_to_ig=_flag(given, "crossreshare_to_ig"),
        crossreshare_dark_mode=_flag(given, "crossreshare_to_ig_dark_mode"),
        auto_publish=_flag(given, "auto_publish_text"),
        dropped=dropped,
    )
    _check_text(read, options)
    _check_links(read)
    _check_combinations(read, given)
    return read


def _flag(given: Mapping[str, str], name: str) -> bool:
    return given.get(name, "").lower() in ("true", "1")


def _is_set(given: Mapping[str, str], name: str) -> bool:
    return given.get(name, "").lower() not in ("", "false", "0")


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
        if _is_set(given, name):
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


def _link(given: Mapping[str, str]) -> str | None:
    link = given.get("link_attachment") or None
    if link is not None and not link.startswith(("http://", "https://")):
        raise invalid_parameter("Param link_attachment is not a valid URI.")
    return link


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
    if not COUNTRIES.issuperset(codes):
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


def _check_combinations(read: ContainerParameters, given: Mapping[str, str]) -> None:
    if read.poll and (read.text_attachment or read.link):
        raise invalid_parameter("Only one kind of attachment is allowed.")
    if read.text_attachment and read.link and read.text_attachment.get("link_attachment_url"):
        raise invalid_parameter("Only one link attachment is allowed.")
    others = [name for name in given if name not in _OF_GHOSTS and _is_set(given, name)]
    if read.is_ghost_post and others:
        raise invalid_parameter(f"Param is_ghost_post cannot be combined with {min(others)}.")
    if read.is_spoiler_media and read.kind == "TEXT":
        raise invalid_parameter("Param is_spoiler_media is not allowed for media type TEXT.")
