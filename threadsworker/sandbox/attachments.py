"""
The parameters of a container that are JSON: polls, GIFs, text attachments, ranges of a text.

Sources: https://developers.facebook.com/documentation/threads/create-posts/polls,
…/create-posts/text-attachments and …/create-posts/spoilers (2026-07-02).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from threadsworker.post import (
    GIF_PROVIDER,
    POLL_OPTION_LIMIT,
    POLL_OPTIONS_MIN,
    SPOILER_LIMIT,
    STYLES,
    TEXT_ATTACHMENT_LIMIT,
)
from threadsworker.sandbox.answers import invalid_parameter


def _object(given: Mapping[str, str], name: str) -> Any:
    if not given.get(name):
        return None
    try:
        return json.loads(given[name])
    except ValueError:
        raise invalid_parameter(f"Param {name} must be valid JSON.") from None


def read_poll(given: Mapping[str, str]) -> tuple[Mapping[str, str] | None, tuple[str, ...]]:
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


def read_gif(given: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The GIF, of the one provider that is left."""
    gif = _object(given, "gif_attachment")
    if gif is None:
        return None
    if not isinstance(gif, dict) or not gif.get("gif_id") or gif.get("provider") != GIF_PROVIDER:
        raise invalid_parameter(
            f"Param gif_attachment needs a gif_id and the provider {GIF_PROVIDER}."
        )
    return gif


def read_text_attachment(given: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The long text, with its link and its styles."""
    attachment = _object(given, "text_attachment")
    if attachment is None:
        return None
    text = attachment.get("plaintext") if isinstance(attachment, dict) else None
    if not isinstance(text, str) or not 0 < len(text) <= TEXT_ATTACHMENT_LIMIT:
        raise invalid_parameter(
            f"Text attachment plaintext must be 1 to {TEXT_ATTACHMENT_LIMIT} characters long."
        )
    if not _is_styling(attachment.get("text_with_styling_info", []), text):
        raise invalid_parameter("Text attachment styling ranges must not overlap.")
    found: Mapping[str, Any] = attachment
    return found


def read_text_entities(given: Mapping[str, str], text: str | None) -> tuple[Mapping[str, Any], ...]:
    """The ranges of the text that are hidden."""
    entities = _object(given, "text_entities") or []
    good = isinstance(entities, list) and all(_is_spoiler(one, text or "") for one in entities)
    if not good or len(entities) > SPOILER_LIMIT:
        raise invalid_parameter(f"Param text_entities takes up to {SPOILER_LIMIT} spoiler ranges.")
    return tuple(entities)


def _is_spoiler(entity: Any, text: str) -> bool:
    if not isinstance(entity, dict) or str(entity.get("entity_type")).upper() != "SPOILER":
        return False
    return _is_range(entity, text)


def _is_styling(ranges: Any, text: str) -> bool:
    if not isinstance(ranges, list) or not all(_is_style(one, text) for one in ranges):
        return False
    places = sorted((one["offset"], one["offset"] + one["length"]) for one in ranges)
    return all(end <= start for (_, end), (start, _) in pairwise(places))


def _is_style(one: Any, text: str) -> bool:
    styles = one.get("styling_info") if isinstance(one, dict) else None
    return (
        isinstance(styles, list)
        and bool(styles)
        and all(isinstance(style, str) for style in styles)
        and STYLES.issuperset(styles)
        and _is_range(one, text)
    )


def _is_range(one: Mapping[str, Any], text: str) -> bool:
    offset, length = one.get("offset"), one.get("length")
    if not isinstance(offset, int) or not isinstance(length, int):
        return False
    # Code points or UTF-16 units: Meta does not say, so both are in range.
    return offset >= 0 and length >= 1 and offset + length <= len(text.encode("utf-16-le")) // 2
