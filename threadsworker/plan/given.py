"""What a caller gives, as a `Post`."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from threadsworker.errors import InvalidPost, Problem
from threadsworker.post import Post


def as_post(post: Post | str, media: Any, options: dict[str, Any]) -> Post:
    """The post that a caller means: a `Post`, or its text with its other fields apart."""
    if isinstance(post, Post):
        if options or media not in ((), None):
            raise TypeError("give media and options with a text, or as fields of the Post")
        return post
    if isinstance(media, list):
        media = tuple(media)
    try:
        return Post(text=post, media=media or (), **options)
    except ValidationError as error:
        raise InvalidPost(
            [
                Problem(
                    rule=f"post.{'.'.join(str(part) for part in found['loc']) or 'invalid'}",
                    message=found["msg"] + _given(found["input"]),
                    where=".".join(str(part) for part in found["loc"]),
                )
                for found in error.errors(include_url=False)
            ]
        ) from None


def _given(value: Any) -> str:
    """What was given, where that is a word: a control that there is not."""
    return f", and this is {value!r}" if isinstance(value, str) and len(value) < 80 else ""
