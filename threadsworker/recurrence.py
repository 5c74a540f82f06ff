"""
When a recurring post is due. Pure: the present, and dice, are arguments.

A recurrence is a cron expression or an interval, counted from its anchor in its zone. What
happens where daylight saving begins and ends:

* A cron expression with fixed minutes and hours (``30 2 * * *``) is met once a day, as in
  Debian's cron: a time that is skipped is met as soon as the clock has jumped, at 03:00, and
  of one that comes twice the first is meant.
* One with ``*`` or ``*/n`` for its minute or hour goes by what the clock shows: nothing in
  the hour that is skipped, and twice in the hour that comes twice.
* An interval of whole days keeps its time of the day, by the same rule as fixed hours.
* Any other interval is elapsed time: every two hours stays two hours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from threadsworker.errors import InvalidPost, Problem
from threadsworker.when import zone_of

#: What a caller may give for a length of time: seconds, or one that `interval` reads.
Interval = timedelta | float | str

#: The shortest and the longest interval between two occurrences.
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=3653)
#: The most by which a post may be later than its occurrence, at random.
LONGEST_JITTER = timedelta(days=1)

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
#: The smallest difference between two times.
_INSTANT = timedelta(microseconds=1)
#: Longer than any clock is put back for daylight saving.
_LONGEST_FOLD = timedelta(hours=3)

_NUMBER = r"\d+(?:\.\d+)?"
_SHORT = re.compile(
    rf"(?:(?P<weeks>{_NUMBER})w)?(?:(?P<days>{_NUMBER})d)?(?:(?P<hours>{_NUMBER})h)?"
    rf"(?:(?P<minutes>{_NUMBER})m)?(?:(?P<seconds>{_NUMBER})s)?",
    re.IGNORECASE,
)
# Years and months are left out: they are no lengths of time.
_ISO = re.compile(
    rf"P(?:(?P<weeks>{_NUMBER})W)?(?:(?P<days>{_NUMBER})D)?(?:T(?:(?P<hours>{_NUMBER})H)?"
    rf"(?:(?P<minutes>{_NUMBER})M)?(?:(?P<seconds>{_NUMBER})S)?)?",
    re.IGNORECASE,
)


class LatePolicy(StrEnum):
    """What becomes of occurrences that nobody made in time: workers or beat were down."""

    #: None of them is made.
    SKIP = "skip"
    #: The most recent one is made.
    LATEST = "latest"


class PostOrder(StrEnum):
    """In which order the posts of a schedule are taken."""

    #: One after the other, from the beginning again after the last.
    TURN = "turn"
    #: At random; each once before any comes again, and never the same twice in a row.
    RANDOM = "random"


@dataclass(frozen=True)
class Recurrence:
    """The occurrences of a recurring post. `recurrence` makes one that is checked."""

    #: Five fields of cron; None: `every` says it.
    cron: str | None
    every: timedelta | None
    #: IANA name.
    timezone: str
    #: The first possible occurrence, from which `every` counts. Aware.
    anchor: datetime
    #: The last possible one; None: there is no end.
    ends_at: datetime | None = None
    #: By how much a post is later than its occurrence at most, at random.
    jitter: timedelta = timedelta(0)

    def next_after(self, moment: datetime) -> datetime | None:
        """The first occurrence after `moment` (aware), in UTC; None if there is none."""
        moment = max(moment, self.anchor - _INSTANT)
        try:
            found = self._cron_after(moment) if self.cron is not None else self._after(moment)
        except OverflowError:
            # The end of the calendar.
            return None
        if found is None or (self.ends_at is not None and found > self.ends_at):
            return None
        return found

    def first(self, *, after: datetime | None) -> datetime | None:
        """The first occurrence of all, or after a moment."""
        return self.next_after(self.anchor - _INSTANT if after is None else after)

    def last_before(self, moment: datetime, *, since: datetime) -> datetime:
        """The last occurrence before `moment`; `since` is an occurrence, and before it too."""
        found, low, high = since, since, moment
        # Occurrences are a second or more apart.
        while high - low > SHORTEST:
            middle = low + (high - low) / 2
            later = self.next_after(middle)
            if later is not None and later < moment:
                found, low = later, middle
            else:
                high = middle
        return found

    def moment_of(self, occurrence: datetime, dice: Random) -> datetime:
        """When the post of this occurrence goes out: as late as the dice say."""
        return occurrence + self.jitter * dice.random()

    def _cron_after(self, moment: datetime) -> datetime | None:
        assert self.cron is not None
        zone = zone_of(self.timezone)
        fixed = _has_fixed_hours(self.cron)
        now = moment.astimezone(zone)
        # What the clock shows twice it shows again after it was put back.
        back = _offset(now) - _offset((moment + _LONGEST_FOLD).astimezone(zone))
        start = now.replace(tzinfo=None) - max(back, timedelta(0))
        again = None
        # Without a zone cronsim does plain arithmetic; its own treatment of zones is off by
        # half an hour in Australia/Lord_Howe.
        for wall in CronSim(self.cron, start):
            met = [_first(wall, zone)] if fixed else _instants(wall, zone)
            if met and met[0] > moment:
                return met[0] if again is None else min(met[0], again)
            if again is None and met and met[-1] > moment:
                again = met[-1]
        return again

    def _after(self, moment: datetime) -> datetime:
        assert self.every is not None
        if self.every % _DAY:
            return self.anchor + max(0, (moment - self.anchor) // self.every + 1) * self.every
        zone = zone_of(self.timezone)
        start = self.anchor.astimezone(zone).replace(tzinfo=None)
        passed = (moment.astimezone(zone).replace(tzinfo=None) - start) // self.every
        number = max(0, passed - 1)
        while (found := _first(start + number * self.every, zone)) <= moment:
            number += 1
        return found


def recurrence(
    *,
    cron: str | None = None,
    every: Interval | None = None,
    timezone: str,
    anchor: datetime,
    ends_at: datetime | None = None,
    jitter: Interval = 0.0,
) -> Recurrence:
    """
    The recurrence that these describe, checked.

    Parameters
    ----------
    cron, every:
        One of the two: five fields of cron, or the time between two occurrences.
    timezone:
        IANA name.
    anchor, ends_at:
        The first possible occurrence and the last; aware.
    jitter:
        At most a day.

    Raises
    ------
    InvalidPost:
        With all that is wrong: `schedule.cron_or_every`, `schedule.cron.invalid`,
        `schedule.every.invalid`, `schedule.timezone.unknown`, `schedule.end.invalid`,
        `schedule.jitter.invalid`, `schedule.never`.
    """
    problems: list[Problem] = []
    between = most = None
    if (cron is None) == (every is None):
        problems.append(_problem("cron_or_every", "cron", "Give one of cron and every", None))
    with gathered(problems, where="timezone"):
        zone_of(timezone)
    if cron is not None:
        with gathered(problems):
            _check_cron(cron)
    if every is not None:
        with gathered(problems):
            between = interval(every, "every", at_least=SHORTEST, at_most=LONGEST)
    with gathered(problems):
        most = interval(jitter, "jitter", at_least=timedelta(0), at_most=LONGEST_JITTER)
    if ends_at is not None and ends_at < anchor:
        message = f"The end must not be before the start, {anchor.isoformat()}"
        problems.append(_problem("end.invalid", "end", message, ends_at.isoformat()))
    if problems:
        raise InvalidPost(problems)
    made = Recurrence(cron, between, timezone, anchor, ends_at, most or timedelta(0))
    if made.first(after=None) is None:
        given = cron if cron is not None else str(between)
        message = f"There is no occurrence of {given!r} between its start and its end"
        raise InvalidPost([_problem("never", "cron" if cron else "every", message, given)])
    return made


@contextmanager
def gathered(problems: list[Problem], *, where: str | None = None) -> Iterator[None]:
    """What an InvalidPost that is raised in here tells goes to `problems`, once."""
    try:
        yield
    except InvalidPost as error:
        found = [replace(one, where=where or one.where) for one in error.problems]
        problems += [one for one in found if one not in problems]


def interval(given: Interval, name: str, *, at_least: timedelta, at_most: timedelta) -> timedelta:
    """
    A length of time: seconds, ``"90"``, ``"2h"``, ``"1d12h"``, ``"PT2H"``, or a timedelta.

    Raises
    ------
    InvalidPost:
        It is none, or out of bounds (`schedule.<name>.invalid`).
    """
    read = _interval(given)
    if read is None or not at_least <= read <= at_most:
        message = (
            f"A length of time from {_seconds(at_least)} to {_seconds(at_most)} is wanted, in "
            f"seconds or like 2h, 1d or PT30M, and this is {str(given)!r}"
        )
        raise InvalidPost([_problem(f"{name}.invalid", name, message, str(given))])
    return read


def _interval(given: Interval) -> timedelta | None:
    if isinstance(given, timedelta):
        return given
    try:
        seconds = float(given)
        return timedelta(seconds=seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    except (OverflowError, TypeError):
        return None
    found = _SHORT.fullmatch(str(given).strip()) or _ISO.fullmatch(str(given).strip())
    parts = {name: float(n) for name, n in found.groupdict().items() if n} if found else {}
    try:
        return timedelta(**parts) if parts else None
    except OverflowError:
        return None


def _check_cron(cron: str) -> None:
    fields = "minute, hour, day of the month, month and day of the week"
    try:
        if len(cron.split()) != 5:
            raise CronSimError(f"It has {len(cron.split())} fields")
        CronSim(cron, datetime(2026, 1, 1))  # noqa: DTZ001 - times on a clock on the wall
    except (CronSimError, ValueError) as error:
        message = f"{cron!r} is not five fields of cron ({fields}): {error}"
        raise InvalidPost([_problem("cron.invalid", "cron", message, cron)]) from None


def _has_fixed_hours(cron: str) -> bool:
    minute, hour, *_ = cron.split()
    return not minute.startswith("*") and not hour.startswith("*")


def _instants(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """When the zone's clocks show `wall`: once, twice, or never."""
    both = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(at for at in both if at.astimezone(zone).replace(tzinfo=None) == wall)


def _first(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's clocks first show `wall`, or have jumped over it."""
    while not (found := _instants(wall, zone)):
        wall = wall.replace(second=0, microsecond=0) + _MINUTE
    return found[0]


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():.0f} s"


def _problem(rule: str, where: str, message: str, given: str | None) -> Problem:
    return Problem(f"schedule.{rule}", message, where, given=given)
