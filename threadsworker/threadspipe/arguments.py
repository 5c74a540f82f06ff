"""The arguments of `pipe`, as the fields of a `Post`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from threadsworker.media import address
from threadsworker.media.formats import UNSUPPORTED_SUFFIXES
from threadsworker.post import Media, MediaKind
from threadsworker.threadspipe.parameters import Parameters

logger = logging.getLogger(__name__)


def options_of(
    given: Parameters,
    *,
    tags: Sequence[str] | str | None,
    reply_to_id: str | int | None,
    who_can_reply: str | None,
    chained_post: bool,
    persist_tags_multipost: bool,
    allowed_country_codes: str | Sequence[str] | None,
    link_attachments: Sequence[str] | str | None,
    quote_post_id: str | int | None,
    persist_quoted_post: bool,
) -> dict[str, Any]:
    """
    Fields of a `Post` but its text and media.

    The instance's parameters stand in for what `pipe` has no argument for. A quota that is to
    be waited for is asked for, whatever `check_rate_limit_before_post` says.
    """
    return {
        "tags": tuple(tags.split() if isinstance(tags, str) else tags or ()),
        "handle_hashtags": given.handle_hashtags,
        "auto_handle_hashtags": given.auto_handle_hashtags,
        "persist_tags": persist_tags_multipost,
        "links": link_attachments or (),
        "chain": chained_post,
        "reply_to": _id(reply_to_id),
        "quote": _id(quote_post_id),
        "quote_all": persist_quoted_post,
        "reply_control": who_can_reply or None,
        "countries": allowed_country_codes or (),
        "check_rate_limit_before_post": (
            given.check_rate_limit_before_post or given.wait_on_rate_limit
        ),
        "wait_on_rate_limit": given.wait_on_rate_limit,
    }


def media_of(files: Any, captions: Sequence[str | None] | str | None) -> tuple[Media, ...]:
    """
    The files with their captions, by index. None, and no caption at all, is no alt text.

    Captions without a file are left out with a warning: the older library took such lists.
    """
    media = [_medium(file) for file in _listed(files)]
    given = [captions] if isinstance(captions, str) else list(captions or ())
    for index, caption in enumerate(given[len(media) :], len(media)):
        if caption:
            logger.warning(
                "file_captions[%s] belongs to no file, there are %s: %r is left out",
                index,
                len(media),
                caption,
            )
    given += [None] * (len(media) - len(given))
    return tuple(
        replace(medium, alt_text=caption) if caption else medium
        for medium, caption in zip(media, given, strict=False)
    )


def _listed(files: Any) -> list[Any]:
    if files is None:
        return []
    alone = isinstance(files, str | bytes | bytearray | PathLike | Media) or hasattr(files, "read")
    return [files] if alone or not isinstance(files, Iterable) else list(files)


def _medium(file: Any) -> Media:
    """
    The file. A URL that does not tell what it leads to is taken for a picture.

    Nothing is asked of its host. What is a film says so: ``Media(url, kind="video")``.
    """
    if isinstance(file, Media):
        return file
    if isinstance(file, str) and address.is_url(file) and _tells_nothing(file):
        return Media(file, kind=MediaKind.IMAGE)
    return Media(file)


def _tells_nothing(url: str) -> bool:
    try:
        suffix = address.suffix(url)
    except ValueError:
        # It is no URL at all, as intake will say.
        return False
    return suffix not in address.KINDS and suffix not in UNSUPPORTED_SUFFIXES


def _id(given: str | int | None) -> str | None:
    return None if given in (None, "") else str(given)
