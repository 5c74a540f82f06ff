"""Take away staged files that no job needs any more, whoever left them behind."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from threadsworker import counting
from threadsworker.counting.instruments import SWEEPS, SWEPT
from threadsworker.errors import ThreadsWorkerError
from threadsworker.job import TERMINAL
from threadsworker.staging import Staging
from threadsworker.steps.cleanup import github_heard, tidy
from threadsworker.steps.desk import Desk, OnHold
from threadsworker.store import accounts, jobs, staged
from threadsworker.store.database import clock

logger = logging.getLogger(__name__)

#: Most jobs, and most repositories, swept in one go; the rest follow the next time.
BATCH = 100
#: How often a repository is listed.
LIST_EVERY = timedelta(minutes=10)
#: Age of staged files of a job that this database does not know: no container that is made
#: from them lives as long.
STRAY_AGE = timedelta(hours=26)


def sweep_staged(desk: Desk) -> int:
    """Take away what ended and unknown jobs have left staged; how many jobs that was."""
    swept = _sweep_ended_jobs(desk) + _sweep_repositories(desk)
    counting.count(SWEEPS)
    counting.count(SWEPT, swept)
    return swept


def _sweep_ended_jobs(desk: Desk) -> int:
    """By the rows: jobs that ended while their files were still there."""
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


def _sweep_repositories(desk: Desk) -> int:
    """By what is there: files that came after a job was tidied up, or without any row."""
    with desk.transaction() as session:
        now = clock(session)
        mine = accounts.to_sweep(session, before=now - LIST_EVERY, now=now, limit=BATCH)
    swept = 0
    for account_id in mine:
        try:
            with desk.reading() as session:
                account = desk.credentials(session, account_id)
            staging = desk.staging(account)
            with github_heard(desk, account_id):
                swept += 0 if staging is None else _sweep(desk, staging, now=now)
        except OnHold:
            continue
        except ThreadsWorkerError as error:
            logger.warning("Account %s: its repository could not be swept: %s", account_id, error)
    return swept


def _sweep(desk: Desk, staging: Staging, *, now: datetime) -> int:
    there = list(staging.staged_jobs())
    with desk.reading() as session:
        states = jobs.states(session, there)
    swept = 0
    for job_id in there:
        state = states.get(job_id)
        stray = state is None and staging.staged_at(job_id) < now - STRAY_AGE
        if stray or state in TERMINAL:
            staging.unstage(job_id)
            logger.warning("Job %s: files that nobody needs were still staged", job_id)
            swept += 1
    return swept
