"""
Moments as people write them on the command line, and as they are shown to them.

    2026-12-01T09:00+01:00   2026-12-01 09:00   tomorrow 9am   next friday 18:00   in 2 hours

What holds no zone is meant in the zone that was given, or in this machine's. English words
are read by dateparser, which rather guesses than refuses: `_phrase` takes its answer only if
everything that was written is in it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from threadsworker.errors import InvalidPost
from threadsworker.when import zone_of

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DAY_OF_MONTH = re.compile(
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+\d{{4}})?\b"
    rf"|\b{_MONTH}\s+\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?\b"
)
_ISO_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_CLOCK = re.compile(
    r"\b(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2}))?\s*(?P<half>[ap]m)?"
    r"|\s*(?P<alone>[ap]m))\b"
)
_COUNT = re.compile(r"\b\d+(?:\.\d+)?\s*[a-z]+\b")
#: Words that make a count one of elapsed time: a number with a unit means nothing without.
_RELATIVE = re.compile(r"\b(?:in|ago|from now|next|last)\b")
#: Units that the clock does not change with: an hour is an hour, also when daylight saving
#: begins. A day, a week and a month keep the time of day.
_ELAPSED = re.compile(r"(?<![a-z])(?:h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)\b")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def meant(
    written: str, *, timezone: str | None, now: datetime
) -> tuple[datetime | str, str | None]:
    """
    The moment and the zone that `written` means, as `Client.enqueue` takes them.

    What cannot be read, or is in a zone that does not exist, is handed on as written: whoever
    enqueues refuses it together with whatever else is wrong.

    Parameters
    ----------
    timezone:
        IANA name; None: this machine's zone.
    now:
        Aware.
    """
    try:
        moment = _moment(written, timezone, now=now, prefer="future")
    except InvalidPost:
        moment = None
    if moment is None:
        return written, timezone
    if moment.tzinfo is not None or timezone is not None:
        return moment, timezone
    local = local_zone()
    # A machine may have a zone and no name for it.
    return (moment, local) if local is not None else (moment.astimezone(), None)


def since(written: str, *, now: datetime) -> datetime | None:
    """
    The moment in the past that `written` means: ISO 8601, ``2 hours ago``, ``yesterday``, or
    a duration before `now` such as ``24h``; aware. None if it is none of them.

    A time without a zone is this machine's.
    """
    if duration := _DURATION.fullmatch(written.strip().lower()):
        number, unit = duration.groups()
        try:
            return now - timedelta(**{_UNITS[unit]: float(number)})
        except OverflowError:
            return None
    moment = _moment(written, None, now=now, prefer="past")
    if moment is None or moment.tzinfo is not None:
        return moment
    local = local_zone()
    return moment.replace(tzinfo=ZoneInfo(local)) if local is not None else moment.astimezone()


def local_zone() -> str | None:
    """The IANA name of this machine's zone; None if it has none."""
    from tzlocal import get_localzone_name

    return get_localzone_name()


def shown(at: datetime, timezone: str | None) -> str:
    """A moment as it was meant: ``2026-12-01 09:00 Africa/Lagos (08:00 UTC)``."""
    utc = at.astimezone(UTC)
    zone = _zone(timezone)
    if zone is None or timezone in ("UTC", "Etc/UTC"):
        return f"{_stamp(utc)} UTC"
    local = at.astimezone(zone)
    there = f"{utc:%H:%M}" if local.date() == utc.date() else f"{utc:%Y-%m-%d %H:%M}"
    return f"{_stamp(local)} {timezone} ({there} UTC)"


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment.second else f"{moment:%Y-%m-%d %H:%M}"


def _zone(name: str | None) -> tzinfo | None:
    """The zone of an IANA name or of ``UTC+01:00``, as `threadsworker.when` names them."""
    if name is None:
        return None
    try:
        return zone_of(name)
    except InvalidPost:
        pass
    try:
        return datetime.strptime(name.removeprefix("UTC"), "%z").tzinfo
    except ValueError:
        return None


def _moment(
    written: str, timezone: str | None, *, now: datetime, prefer: Literal["future", "past"]
) -> datetime | None:
    """Naive if it has no zone of its own; InvalidPost if there is no such `timezone`."""
    try:
        return datetime.fromisoformat(written.strip())
    except ValueError:
        pass
    name = timezone or local_zone()
    zone = zone_of(name) if name is not None else now.astimezone().tzinfo
    return _phrase(written, zone, now=now, prefer=prefer)


def _phrase(
    written: str, zone: tzinfo | None, *, now: datetime, prefer: Literal["future", "past"]
) -> datetime | None:
    text = re.sub(r"\b([ap])\.m\.?", r"\1m", " ".join(written.lower().split()))
    clocks = [_clock(found) for found in _CLOCK.finditer(text)]
    dates = [_date(found.group()) for found in _ISO_DATE.finditer(text)]
    if len(clocks) > 1 or len(dates) > 1 or None in clocks or None in dates:
        return None
    rest = _DAY_OF_MONTH.sub(" ", _ISO_DATE.sub(" ", _CLOCK.sub(" ", text)))
    relative = _RELATIVE.search(rest) is not None
    elapsed = relative and not clocks and _ELAPSED.search(rest) is not None
    if relative:
        rest = _COUNT.sub(" ", rest)
    if re.search(r"\d", rest):
        return None
    base = now.astimezone(UTC if elapsed else zone).replace(tzinfo=None, microsecond=0)
    parsed, period = _parsed(text, base, prefer)
    # A month or a year alone is no moment.
    if parsed is None or (period in ("month", "year") and not relative):
        return None
    if (clocks and parsed.time() != clocks[0]) or (dates and parsed.date() != dates[0]):
        return None
    return parsed.replace(tzinfo=UTC) if elapsed else parsed


def _parsed(
    text: str, base: datetime, prefer: Literal["future", "past"]
) -> tuple[datetime | None, str]:
    """dateparser's answer, and how exact it is. It takes long to import, and is seldom needed."""
    from dateparser.date import DateDataParser

    reader = DateDataParser(
        languages=["en"],
        settings={
            "PREFER_DATES_FROM": prefer,
            "RELATIVE_BASE": base,
            # A number alone is no moment: neither a time stamp nor a year.
            "PARSERS": ["relative-time", "absolute-time"],
            # RETURN_AS_TIMEZONE_AWARE stays unset: then "9am EST" has its zone, and a local time
            # has none. How one that daylight saving skips is read is decided in one place,
            # `threadsworker.when`.
        },
    )
    answer = reader.get_date_data(text)
    return answer.date_obj, answer.period or "day"


def _clock(found: re.Match[str]) -> time | None:
    """The time of day that is written there; None if there is none such."""
    hour, half = int(found["hour"]), found["half"] or found["alone"]
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "pm" else 0)
    try:
        return time(hour, int(found["minute"] or 0), int(found["second"] or 0))
    except ValueError:
        return None


def _date(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
