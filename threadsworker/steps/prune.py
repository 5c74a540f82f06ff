"""
Forget what is long over: jobs that have ended, events, contents in the spool that nobody needs.

Short transactions, each of which leaves nothing half done, so it may be killed at any moment,
and two may be at it at once. What is at work, and what needs a person, is never touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import islice

from sqlmodel import Session, func, select

from threadsworker.job import JobState
from threadsworker.settings import SHORTEST_KEEP
from threadsworker.steps.desk import Desk
from threadsworker.store import duties, forgetting, schedules
from threadsworker.store.database import clock
from threadsworker.store.tables import JobRow

logger = logging.getLogger(__name__)

#: The duty's name in the rows, and how often it is done.
PRUNE, EVERY = "prune", timedelta(hours=1)
#: Jobs, or rows of another kind, in one transaction; and transactions in one go of the duty.
JOBS, ROWS, BATCHES = 100, 1000, 50
#: Age of a content in the spool that no row refers to: a transaction of an application's own,
#: which enqueues, may stay open for a while.
SPOOL_AGE = timedelta(days=1)
#: States in which a job was not published, and somebody may want to know why for longer.
_FAILED = frozenset({JobState.FAILED})
_ENDED = frozenset({JobState.PUBLISHED, JobState.CANCELLED, JobState.MISSED})


@dataclass(frozen=True)
class Keep:
    """How long what is kept; None: for ever."""

    jobs: timedelta | None
    failed_jobs: timedelta | None
    events: timedelta | None

    def moments(self, now: datetime) -> dict[JobState, datetime]:
        """Before which a job of each state must have ended to be forgotten."""
        kept = {
            **dict.fromkeys(_ENDED, self.jobs),
            **dict.fromkeys(_FAILED, self.failed_jobs),
        }
        return {state: now - age for state, age in kept.items() if age is not None}


@dataclass
class Pruned:
    """What was removed, or would be."""

    jobs: int = 0
    events: int = 0
    quota_uses: int = 0
    spool_files: int = 0

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


def keep_of(desk: Desk) -> Keep:
    """What the settings say. Zero is for ever."""
    settings = desk.settings
    return Keep(
        settings.keep_jobs or None, settings.keep_failed_jobs or None, settings.keep_events or None
    )


def prune_now_and_then(desk: Desk) -> Pruned:
    """The duty: nothing is done if it was done within the hour."""
    with desk.transaction() as session:
        now = clock(session)
        last = duties.last_done(session, PRUNE)
        if last is not None and now - last < EVERY:
            return Pruned()
        duties.done(session, PRUNE, now=now)
    pruned = prune(desk, keep_of(desk), batches=BATCHES)
    if pruned:
        logger.info(
            "Pruned: %s jobs, %s events, %s contents of the spool",
            pruned.jobs,
            pruned.events,
            pruned.spool_files,
        )
    return pruned


def prune(desk: Desk, keep: Keep, *, batches: int | None = None) -> Pruned:
    """Remove what is older than `keep` says; in `batches` transactions of a kind at most."""
    found = Pruned()
    found.jobs = _repeated(
        desk,
        lambda session, now: forgetting.forget_jobs(session, keep.moments(now), limit=JOBS),
        JOBS,
        batches,
    )
    if (events := keep.events) is not None:
        found.events = _repeated(
            desk,
            lambda session, now: forgetting.forget_events(session, before=now - events, limit=ROWS),
            ROWS,
            batches,
        )
    found.quota_uses = _repeated(
        desk,
        lambda session, now: forgetting.forget_uses(
            session, before=now - SHORTEST_KEEP, limit=ROWS
        ),
        ROWS,
        batches,
    )
    found.spool_files = _sweep_spool(desk, remove=True)
    return found


def preview(desk: Desk, keep: Keep) -> Pruned:
    """What `prune` would remove, jobs and contents of the spool that nobody needs now."""
    with desk.reading() as session:
        moments = keep.moments(clock(session))
        jobs = 0
        if moments:
            found = select(func.count()).select_from(JobRow)
            jobs = session.exec(found.where(forgetting.ended_before(moments))).one()
    return Pruned(jobs=jobs, spool_files=_sweep_spool(desk, remove=False))


def _repeated(
    desk: Desk, forget: Callable[[Session, datetime], int], size: int, batches: int | None
) -> int:
    """Forget in short transactions until there is no full batch any more."""
    total = done = 0
    while batches is None or done < batches:
        with desk.transaction() as session:
            gone = forget(session, clock(session))
        total, done = total + gone, done + 1
        if gone < size:
            break
    return total


def _sweep_spool(desk: Desk, *, remove: bool) -> int:
    """Contents that no row refers to and that are older than a day; how many."""
    with desk.reading() as session:
        before = clock(session) - SPOOL_AGE
    names, total = desk.spool.older_than(before), 0
    while some := list(islice(names, ROWS)):
        with desk.reading() as session:
            # Leftovers of interrupted puts have names that no row has.
            needed = forgetting.referred_to(session, some) | schedules.spooled(session)
        for name in some:
            if name not in needed:
                total += desk.spool.remove_older(name, before) if remove else 1
    return total
