"""
What callers ask for, checked before anything is sent: moments, limits, ids, Meta's words.

All of it raises `InvalidRequest`, which names the rule, the limit and what was given.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

from threadsworker.errors import InvalidRequest, Problem

#: A moment with its zone; a date alone is its first second in UTC.
When = datetime | date
Word = TypeVar("Word", bound=StrEnum)

#: The first moment of which Meta lists posts, and the first of which it has figures.
#: Source: https://developers.facebook.com/documentation/threads/reference/user and …/insights
#: (2026-04-21).
FIRST_POST = datetime.fromtimestamp(1688540400, UTC)
FIRST_FIGURE = datetime.fromtimestamp(1712991600, UTC)
#: Objects of a page; Meta's maximum.
PAGE = 100


def refusal(
    rule: str,
    message: str,
    *,
    where: str,
    limit: int | float | str | None = None,
    given: int | float | str | None = None,
) -> InvalidRequest:
    """The error for one argument."""
    return InvalidRequest(Problem(f"threads.{rule}", message, where, limit, given))


def period(since: When | None, until: When | None, *, first: datetime) -> dict[str, str]:
    """`since` and `until` as Meta takes them: seconds since 1970."""
    begin, end = _seconds(since, "since"), _seconds(until, "until")
    earliest = int(first.timestamp())
    for name, moment in (("since", begin), ("until", end)):
        if moment is not None and moment < earliest:
            raise refusal(
                f"{name}.too_early",
                f"Meta has nothing from before {_shown(earliest)}, and {_shown(moment)} was given",
                where=name,
                limit=_shown(earliest),
                given=_shown(moment),
            )
    if begin is not None and end is not None and begin >= end:
        raise refusal(
            "since.not_before_until",
            f"since ({_shown(begin)}) must be before until ({_shown(end)})",
            where="since",
            limit=_shown(end),
            given=_shown(begin),
        )
    named = {"since": begin, "until": end}
    return {name: str(moment) for name, moment in named.items() if moment is not None}


def _seconds(moment: When | None, where: str) -> int | None:
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if moment.utcoffset() is None:
        raise refusal(
            "moment.naive",
            f"{moment.isoformat()} has no zone; give an aware datetime, or a date",
            where=where,
            given=moment.isoformat(),
        )
    return int(moment.timestamp())


def _shown(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def at_most(limit: int | None) -> int | None:
    """How many objects in all; None: all of them."""
    if limit is not None and limit < 1:
        raise refusal(
            "limit.too_small", f"limit must be at least 1, not {limit}", where="limit", limit=1,
            given=limit,
        )  # fmt: skip
    return limit


def page_of(limit: int | None) -> dict[str, str]:
    """The size of a page when `limit` objects are wanted in all."""
    return {"limit": str(min(PAGE, at_most(limit) or PAGE))}


def object_id(given: str, *, where: str = "id") -> str:
    """An id of Meta's: digits, and nothing that would make another path of it."""
    if not (given.isascii() and given.isdigit()):
        raise refusal(
            "id.invalid", f"an id of Meta's is a number, not {given!r}", where=where, given=given
        )
    return given


def username_of(given: str, *, where: str = "username") -> str:
    """The name without its ``@``."""
    name = given.strip().removeprefix("@")
    if not name:
        raise refusal("username.missing", "a username must not be empty", where=where, given=given)
    return name


def word_of(kind: type[Word], given: Word | str, *, where: str) -> Word:
    """One of Meta's words, however it was given."""
    try:
        return kind(given)
    except ValueError:
        raise refusal(
            f"{where}.unknown",
            f"{where} must be one of {', '.join(kind)}, not {str(given)!r}",
            where=where,
            limit=", ".join(kind),
            given=str(given),
        ) from None


def words_of(
    kind: type[Word], given: Iterable[Word | str] | str, *, where: str
) -> tuple[Word, ...]:
    """Several of them, at least one, each once."""
    listed = [given] if isinstance(given, str) else given
    words = tuple(dict.fromkeys(word_of(kind, one, where=where) for one in listed))
    if not words:
        raise refusal(
            f"{where}.missing",
            f"name at least one {where} of {', '.join(kind)}",
            where=where,
            limit=", ".join(kind),
        )
    return words
