"""
When a post shall go out, as its author writes it. Pure: the present is an argument.

A moment is kept as an instant in UTC and the zone that it was given in, so that it can be
shown as it was meant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from threadsworker.errors import InvalidPost, Problem

#: How far in the past a moment may be and still mean "now".
PAST = timedelta(minutes=1)


@dataclass(frozen=True)
class When:
    """An instant in UTC, and the IANA zone that it was given in (or ``UTC+01:00``)."""

    at: datetime
    timezone: str


def zone_of(name: str) -> ZoneInfo:
    """
    The IANA zone of that name.

    Raises
    ------
    InvalidPost:
        There is none (`schedule.timezone.unknown`).
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _invalid(
            "schedule.timezone.unknown",
            f"There is no time zone {name!r}; use an IANA name such as Africa/Lagos",
            given=name,
        ) from None


def resolve(at: datetime | timedelta | str, *, timezone: str | None = None, now: datetime) -> When:
    """
    The moment that `at` means.

    Parameters
    ----------
    at:
        An aware datetime, an ISO 8601 string with an offset, a timedelta from now, or, together
        with `timezone`, a datetime or a string without a zone. A local time that daylight
        saving skips is moved forward by the gap; of one that comes twice the first is meant.
    now:
        Aware.

    Raises
    ------
    InvalidPost:
        It is no moment (`schedule.at.invalid`), has no zone (`schedule.at.naive`), or is more
        than a minute in the past (`schedule.in_past`).
    """
    zone = zone_of(timezone) if timezone is not None else None
    try:
        if isinstance(at, timedelta):
            meant = (now + at).astimezone(zone or UTC)
        else:
            meant = _aware(_datetime(at) if isinstance(at, str) else at, zone, given=at)
        instant = meant.astimezone(UTC)
    except OverflowError:
        raise _invalid(
            "schedule.at.invalid", f"{at} is beyond the calendar", given=str(at)
        ) from None
    if instant < now - PAST:
        raise _invalid(
            "schedule.in_past",
            f"The moment {instant.isoformat()} is in the past; now it is "
            f"{now.astimezone(UTC).isoformat(timespec='seconds')}",
            given=str(at),
        )
    return When(instant, timezone or _name(meant))


def _datetime(written: str) -> datetime:
    try:
        return datetime.fromisoformat(written.strip())
    except ValueError:
        raise _invalid(
            "schedule.at.invalid",
            f"{written!r} is no moment; write it like 2026-12-01T09:00+01:00",
            given=written,
        ) from None


def _aware(moment: datetime, zone: ZoneInfo | None, *, given: object) -> datetime:
    if moment.tzinfo is not None:
        return moment
    if zone is None:
        raise _invalid(
            "schedule.at.naive",
            f"{given} has no zone: give an offset, or a timezone such as Africa/Lagos",
            given=str(given),
        )
    return moment.replace(tzinfo=zone)


def _name(moment: datetime) -> str:
    if isinstance(moment.tzinfo, ZoneInfo):
        return moment.tzinfo.key
    return str(moment.tzname() or "UTC")


def _invalid(rule: str, message: str, *, given: str) -> InvalidPost:
    return InvalidPost([Problem(rule, message, "at", given=given)])
