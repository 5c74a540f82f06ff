"""A segment's options as JSON: for rows, and for those who look at a post."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pydantic import BaseModel

from threadsworker.post import Segment

#: What every segment has, and what is not an option of it.
_CONTENT = frozenset({"index", "text", "media"})


def options_of(segment: Segment) -> dict[str, Any]:
    """What is set of the segment besides its text and its media."""
    options = {}
    for field in fields(segment):
        value = getattr(segment, field.name)
        if field.name not in _CONTENT and value not in (None, False, ()):
            options[field.name] = _json(value)
    return options


def _json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [_json(item) for item in value]
    return value
