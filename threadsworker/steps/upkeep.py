"""
What beat has done every few seconds, whatever became of messages and workers.

Each duty is an atomic claim on rows, so two beats do no harm.
"""

from __future__ import annotations

import logging

from threadsworker.errors import ThreadsWorkerError
from threadsworker.steps.cleanup import tidy
from threadsworker.steps.desk import Desk
from threadsworker.store import jobs, staged
from threadsworker.store.database import clock
from threadsworker.store.jobs import Start

logger = logging.getLogger(__name__)

#: Most jobs started in one go; the rest follow the next time.
BATCH = 100


def dispatch_due(desk: Desk) -> list[Start]:
    """Jobs whose time has come, each with a new run: ring for these."""
    with desk.transaction() as session:
        return jobs.dispatch(session, silence=desk.settings.lease, now=clock(session), limit=BATCH)


def rescue_stalled(desk: Desk) -> list[Start]:
    """Jobs whose worker or message was lost, each with a new run: ring for these."""
    with desk.transaction() as session:
        rescued = jobs.rescue(session, silence=desk.settings.lease, now=clock(session), limit=BATCH)
    for start in rescued:
        logger.warning("Job %s fell silent: rescued with run %s", start.job_id, start.run)
    return rescued


def sweep_staged(desk: Desk) -> int:
    """Take away what ended jobs have left staged; how many jobs that was."""
    with desk.reading() as session:
        forgotten = staged.of_ended_jobs(session, limit=BATCH)
    swept = 0
    for job_id in forgotten:
        try:
            tidy(desk, job_id)
        except ThreadsWorkerError as error:
            logger.warning("Job %s: its staged files could not be removed: %s", job_id, error)
        else:
            swept += 1
    return swept
