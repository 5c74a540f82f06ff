"""
What beat has done every few seconds, whatever became of messages and workers.

Each duty is an atomic claim on rows, so two beats do no harm.
"""

from __future__ import annotations

import logging

from threadsworker.steps.desk import Desk
from threadsworker.steps.presence import MISSED_BEATS, beat_every
from threadsworker.store import runs, workers
from threadsworker.store.database import clock
from threadsworker.store.runs import Start

logger = logging.getLogger(__name__)

#: Most jobs started in one go; the rest follow the next time.
BATCH = 100
#: Waiting messages up to which the queue counts as empty.
FEW = 10


def dispatch_due(desk: Desk, *, backlog: int = 0) -> list[Start]:
    """
    Jobs whose time has come, each with a new run: ring for these.

    `backlog` is how many messages wait for a worker.
    """
    with desk.transaction() as session:
        return runs.dispatch(
            session,
            silence=desk.settings.lease,
            now=clock(session),
            limit=BATCH,
            busy=backlog > FEW,
        )


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
    for worker in dead:
        logger.warning("Worker %s fell silent: what it had in hand is taken from it", worker)
    for start in rescued:
        logger.warning("Job %s fell silent: rescued with run %s", start.job_id, start.run)
    return rescued
