"""
Free slots for posts: so many a day, evenly, in a window of the day. Pure: the present is an
argument.

    3/day 09:00-21:00    09:00, 13:00 and 17:00
    4/day                00:00, 06:00, 12:00 and 18:00
    2/day 22:00-02:00    22:00 and midnight

The hours are those of the wall clock in a zone. A slot that daylight saving skips is moved
forward by the gap; of one that comes twice the first is meant.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from threadsworker.errors import InvalidPost, Problem
from threadsworker.post import POST_QUOTA

_DAY = timedelta(days=1)
_WRITTEN = re.compile(
    r"(?P<count>\d{1,6})\s*/\s*day"
    r"(?:\s+(?P<start>\d{1,2}:\d{2})\s*[-–]\s*(?P<end>\d{1,2}:\d{2}))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Spread:
    """So many posts a day in a window; `parse` reads one."""

    per_day: int
    #: When the window begins, counted from midnight by the wall clock, and how long it is: at
    #: most a day.
    start: timedelta = timedelta(0)
    length: timedelta = _DAY

    @property
    def gap(self) -> timedelta:
        """Between two slots of a day. A slot is taken if a post is closer than half of it."""
        return self.length / self.per_day


def parse(written: str) -> Spread:
    """
    The spread that ``3/day 09:00-21:00`` means; without hours, the whole day.

    A window whose end is not after its beginning goes on past midnight. The end itself is no
    slot.

    Raises
    ------
    InvalidPost:
        It is none, or of more posts than Meta takes (`import.spread.invalid`).
    """
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        raise _invalid(written, "write it like 3/day 09:00-21:00")
    per_day = int(found["count"])
    if not 1 <= per_day <= POST_QUOTA:
        raise _invalid(written, f"a day takes 1 to {POST_QUOTA} posts")
    if found["start"] is None:
        return Spread(per_day)
    start, end = _since_midnight(found["start"]), _since_midnight(found["end"])
    if start is None or end is None or start == _DAY:
        raise _invalid(written, "its hours are from 00:00 to 24:00")
    if start == end:
        raise _invalid(written, "its window is empty")
    length = end - start if end > start else end - start + _DAY
    return Spread(per_day, start, length)


def slots(spread: Spread, zone: ZoneInfo, *, after: datetime) -> Iterator[datetime]:
    """Every slot after that moment, in order, without an end; in UTC."""
    # The window of the day before may go on past midnight.
    day = after.astimezone(zone).date() - _DAY
    last = after.astimezone(UTC)
    while True:
        begins = datetime.combine(day, time(0)) + spread.start
        # Daylight saving may swap two slots, or make one of them.
        for slot in sorted(
            (begins + number * spread.gap).replace(tzinfo=zone).astimezone(UTC)
            for number in range(spread.per_day)
        ):
            if slot > last:
                yield slot
                last = slot
        day += _DAY


def free(
    spread: Spread, zone: ZoneInfo, *, now: datetime, taken: Iterable[datetime]
) -> Iterator[datetime]:
    """
    The slots after `now` that no post is close to, in order, without an end; in UTC.

    Parameters
    ----------
    taken:
        When other posts go out. A slot closer than half a gap to one of them is passed over.
    """
    others = sorted(taken)
    near = spread.gap / 2
    before: datetime | None = None
    for slot in slots(spread, zone, after=now):
        place = bisect_left(others, slot)
        neighbours = others[max(0, place - 1) : place + 1]
        if before is not None:
            # On the day that an hour is skipped, two slots may come close to each other.
            neighbours.append(before)
        if all(abs(slot - other) >= near for other in neighbours):
            yield slot
            before = slot


def _since_midnight(clock: str) -> timedelta | None:
    hours, minutes = (int(part) for part in clock.split(":"))
    since = timedelta(hours=hours, minutes=minutes)
    return since if minutes < 60 and since <= _DAY else None


def _invalid(written: str, advice: str) -> InvalidPost:
    message = f"{written!r} is no spread: {advice}"
    return InvalidPost([Problem("import.spread.invalid", message, "spread", given=written)])
