"""
Occurrences of recurring posts become jobs, in time for these to be prepared.

A job that is made here is not rung for: it is due when its preparation begins, and
`upkeep.dispatch_due` finds it then, like any other.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from threadsworker.settings import Settings
from threadsworker.steps.desk import Desk
from threadsworker.store import schedules
from threadsworker.store.database import clock
from threadsworker.store.schedules import Making

logger = logging.getLogger(__name__)

#: An occurrence that nobody has made this long after its time is too late, and its schedule's
#: policy says what becomes of it: no burst of old posts follows a time when beat was down.
LATE = timedelta(seconds=60)
#: Most schedules in one go, most jobs of one in a transaction, and most transactions of one.
BATCH, OCCURRENCES, BATCHES = 100, 100, 10


def make_due(desk: Desk) -> int:
    """Make the jobs of all occurrences whose preparation begins; how many were due."""
    with desk.reading() as session:
        until = clock(session) + desk.settings.prepare_ahead
        found = schedules.due(session, until=until, limit=BATCH)
    return sum(_make(desk, schedule_id) for schedule_id in found)


def _make(desk: Desk, schedule_id: str) -> int:
    total = 0
    try:
        for _ in range(BATCHES):
            made = _make_some(desk, schedule_id)
            total += made
            if made < OCCURRENCES:
                break
    except Exception:
        # A schedule that cannot be read must not keep the others, and all jobs, waiting.
        logger.exception("Schedule %s: the jobs of its occurrences could not be made", schedule_id)
    return total


def _make_some(desk: Desk, schedule_id: str) -> int:
    settings = desk.settings
    with desk.transaction() as session:
        now = clock(session)
        how = Making(
            until=now + settings.prepare_ahead,
            now=now,
            late_after=late_after(settings),
            prepare_ahead=settings.prepare_ahead,
            missed_after=settings.missed_after,
            dice=desk.dice,
            limit=OCCURRENCES,
        )
        return schedules.make(session, schedule_id, how)


def late_after(settings: Settings) -> timedelta:
    """How late an occurrence is made as if it were in time: beat may be slow by design."""
    return max(LATE, 2 * settings.dispatch_every)
