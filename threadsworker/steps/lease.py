"""Keeping a claim while a step takes its time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError

from threadsworker.steps.desk import Desk
from threadsworker.store import jobs
from threadsworker.store.database import clock
from threadsworker.store.jobs import Claim
from threadsworker.subject import carried

logger = logging.getLogger(__name__)

#: A step that takes longer than this is taken to hang, and its lease runs out. The longest
#: call, a publish, is given four minutes; staging forty-five files on a slow line more.
LONGEST_STEP = timedelta(minutes=30)


@contextmanager
def kept(desk: Desk, claim: Claim) -> Iterator[None]:
    """Renew the claim's lease every third of it, until the block ends or hangs."""
    done = threading.Event()
    keeper = threading.Thread(
        target=carried(_renew), args=(desk, claim, done), name=f"lease-{claim.job_id}", daemon=True
    )
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def _renew(desk: Desk, claim: Claim, done: threading.Event) -> None:
    lease = desk.settings.lease
    every = lease.total_seconds() / 3
    for _ in range(int(LONGEST_STEP.total_seconds() / every) + 1):
        if done.wait(every):
            return
        try:
            with desk.transaction() as session:
                held = jobs.renew(session, claim, lease=lease, now=clock(session))
        except SQLAlchemyError:
            # The database may be back before the lease ends; if not, the step's own
            # transaction will say so.
            logger.warning("Job %s: its lease could not be renewed", claim.job_id, exc_info=True)
            continue
        if not held:
            return
