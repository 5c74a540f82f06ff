"""What Meta tells of posts, profiles and places, as tables."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from rich import box
from rich.table import Table
from rich.text import Text

from threadsworker.cli.asking import plain
from threadsworker.cli.tables import console, head
from threadsworker.threads_api import Location, MediaObject


def posts_table(found: Sequence[MediaObject]) -> None:
    """Posts or replies, one a line."""
    table = Table(box=box.SIMPLE)
    for column in ("post", "published", "author", "kind", "text"):
        table.add_column(column, no_wrap=column in ("post", "published"), overflow="fold")
    for post in found:
        table.add_row(
            post.id,
            f"{post.timestamp.astimezone(UTC):%Y-%m-%d %H:%M}" if post.timestamp else "",
            post.username or "",
            (post.media_type or "").partition("_")[0].lower(),
            Text(_marked(post)),
        )
    console().print(table)


def _marked(post: MediaObject) -> str:
    """The beginning of its text, and what is special about it."""
    marks = []
    if post.hide_status in ("HIDDEN", "COVERED", "BLOCKED", "RESTRICTED"):
        marks.append(post.hide_status.lower())
    if post.reply_approval_status:
        marks.append(post.reply_approval_status)
    if post.ghost_post_status:
        marks.append(f"ghost, {post.ghost_post_status.lower()}")
    if post.reposted_post:
        marks.append(f"repost of {post.reposted_post.id}")
    if post.quoted_post:
        marks.append(f"quotes {post.quoted_post.id}")
    marked = f"[{', '.join(marks)}] " if marks else ""
    return marked + harmless(head(post.text or ""))


def locations_table(found: Sequence[Location]) -> None:
    table = Table(box=box.SIMPLE)
    for column in ("location", "name", "address", "where"):
        table.add_column(column, no_wrap=column == "location", overflow="fold")
    for place in found:
        address = ", ".join(
            filter(None, (place.address, place.postal_code, place.city, place.country))
        )
        where = f"{place.latitude}, {place.longitude}" if place.latitude is not None else ""
        table.add_row(place.id, Text(place.name or ""), Text(address), where)
    console().print(table)


def detail(found: BaseModel) -> None:
    """Everything that was told of one thing, a line each, under Meta's names."""
    table = Table(box=None, show_header=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name in sorted(found.model_fields_set, key=lambda name: (name != "id", name)):
        table.add_row(name, Text(_written(getattr(found, name))))
    console().print(table)


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, BaseModel):
        value = plain(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_written(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(_written, value))
    return harmless(str(value))


def harmless(text: str) -> str:
    """A text of somebody's as a terminal shows it, with nothing in it that a terminal would do."""
    return "".join(
        " " if unicodedata.category(one) == "Cc" and one != "\n" else one for one in text
    )
