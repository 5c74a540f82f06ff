"""
What beat has done every few seconds, whatever became of messages and workers.

Each duty is an atomic claim on rows, so two beats do no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

from threadsworker import counting
from threadsworker.counting.instruments import DISPATCHES, JOBS_ENDED, RESCUES, WORKERS_LOST
from threadsworker.job import JobState
from threadsworker.settings import Settings
from threadsworker.steps.desk import Desk
from threadsworker.steps.presence import MISSED_BEATS, beat_every
from threadsworker.store import duties, jobs, lateness, runs, workers
from threadsworker.store.database import clock
from threadsworker.store.runs import Start

logger = logging.getLogger(__name__)

#: The duty's name in the rows.
DISPATCH = "dispatch_due"

#: Most jobs started in one transaction, and most of these in one go.
BATCH, BATCHES = 100, 10
#: Waiting messages up to which the queue counts as empty.
FEW = 10


def dispatch_due(desk: Desk, *, backlog: int = 0) -> Iterator[Start]:
    """
    Jobs whose time has come, each with a new run: ring for these.

    `backlog` is how many messages wait for a worker. Jobs that are too late are missed instead.
    """
    _note_silence(desk)
    for _ in range(BATCHES):
        with desk.transaction() as session:
            missed = lateness.miss(session, now=clock(session), limit=BATCH)
        counting.count(JOBS_ENDED, missed, state=JobState.MISSED)
        if missed < BATCH:
            break
    for _ in range(BATCHES):
        started = _dispatch(desk, busy=backlog > FEW)
        yield from started
        if len(started) < BATCH:
            return


def dispatch_next(desk: Desk, job_id: str) -> list[Start]:
    """Jobs of the same account that may begin now that `job_id` makes room: ring for these."""
    with desk.reading() as session:
        account_id = jobs.find(session, job_id).account_id
    # The queue may be as long as it likes: only those that were never rung for are due.
    return _dispatch(desk, busy=True, account_id=account_id)


def _dispatch(desk: Desk, *, busy: bool, account_id: str | None = None) -> list[Start]:
    with desk.transaction() as session:
        started = runs.dispatch(
            session,
            silence=desk.settings.lease,
            now=clock(session),
            limit=BATCH,
            concurrency=desk.settings.account_concurrency,
            account_id=account_id,
            busy=busy,
        )
    counting.count(DISPATCHES, len(started))
    return started


def _note_silence(desk: Desk) -> None:
    """Keep when this was done, and say if it was not done for long: beat was down."""
    with desk.transaction() as session:
        gap = duties.done(session, DISPATCH, now=clock(session))
    if gap is not None and gap > silence_of(desk.settings):
        logger.warning("Due jobs were not looked for during %s: was beat down?", gap)


def silence_of(settings: Settings) -> timedelta:
    """How long nobody may look for due jobs until beat counts as dead."""
    return max(timedelta(seconds=30), 6 * settings.dispatch_every)


def follow(desk: Desk) -> None:
    """
    A worker begins, maybe after others that ended in order while their broker was gone.

    They could not give back what they had in reserve, and nobody misses them.
    """
    with desk.transaction() as session:
        runs.orphan(session, (), now=clock(session))


def rescue_stalled(desk: Desk, *, backlog: int = 0) -> list[Start]:
    """Jobs whose worker or message was lost, each with a new run: ring for these."""
    with desk.transaction() as session:
        now = clock(session)
        dead = workers.silent(session, since=now - MISSED_BEATS * beat_every(desk.settings))
        if dead:
            runs.orphan(session, dead, now=now)
        rescued = runs.rescue(
            session, silence=desk.settings.lease, now=now, limit=BATCH, busy=backlog > FEW
        )
    counting.count(WORKERS_LOST, len(dead))
    counting.count(RESCUES, len(rescued))
    for worker in dead:
        logger.warning("Worker %s fell silent: what it had in hand is taken from it", worker)
    for start in rescued:
        logger.warning("Job %s fell silent: rescued with run %s", start.job_id, start.run)
    return rescued
