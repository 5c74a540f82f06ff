"""What is to be stored, and whether it is what was stored before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from threadsworker.errors import NotPossible, Problem
from threadsworker.post import Post, Segment
from threadsworker.store import submission
from threadsworker.store.submission import Terms
from threadsworker.store.tables import JobRow
from threadsworker.text import no_character


@dataclass(frozen=True)
class Order:
    """What is to be stored: a post, planned, and the terms of its publication."""

    post: Post
    planned: Sequence[Segment]
    terms: Terms
    account: str
    key: str | None


def key_problems(key: str | None) -> list[Problem]:
    """What is wrong with an idempotency key."""
    if key is not None and (found := no_character(key)) is not None:
        message = f"The key holds {found}, which is no character"
        return [Problem("key.invalid_character", message, "key", given=found)]
    if key is None or key.strip():
        return []
    return [Problem("key.empty", "A key has at least one character", "key", 1, 0)]


def refuse_another(found: JobRow, order: Order) -> None:
    """
    Pass if the job that has the order's key publishes the same.

    Raises
    ------
    NotPossible:
        It publishes something else (`key.mismatch`).
    """
    same = submission.content_hash(order.planned, reply_to=order.post.reply_to)
    if found.content_hash != same:
        raise NotPossible(
            f"the key {order.key!r} belongs to job {found.id}, which publishes something else",
            code="key.mismatch",
        )
