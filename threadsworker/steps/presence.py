"""A worker process tells that it is there, so that its death is noticed within seconds."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from datetime import timedelta
from socket import gethostname

from sqlalchemy.exc import SQLAlchemyError

from threadsworker.settings import Settings
from threadsworker.steps.desk import Desk
from threadsworker.store import runs, workers
from threadsworker.store.database import clock

logger = logging.getLogger(__name__)

#: How often a process tells that it is there: at most, and as a share of the lease.
BEAT = timedelta(seconds=5)
BEAT_SHARE = 4
#: Beats that a process may miss before it counts as dead.
MISSED_BEATS = 3


def beat_every(settings: Settings) -> timedelta:
    """The time between two signs of life of a worker process."""
    return min(BEAT, settings.lease / BEAT_SHARE)


class Presence:
    """Signs of life of this process, from `start` to `stop`; a killed process just falls silent."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._done = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Tell it now, and from now on."""
        self._done.clear()
        self._thread = threading.Thread(target=self._tell, name="presence", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The process ends in order: nothing of it has to be rescued."""
        if self._thread is None:
            return
        self._done.set()
        self._thread.join()
        self._thread = None
        with suppress(SQLAlchemyError), self._desk.transaction() as session:
            workers.leave(session, self._desk.worker)

    def hand_over(self) -> None:
        """
        The whole worker ends: whatever a process of it still had in hand is due now.

        Call it when none of them is at work any more. One that is loses its claim, and decides
        nothing from then on.
        """
        with suppress(SQLAlchemyError), self._desk.transaction() as session:
            left = workers.leave_all(session, self._desk.family)
            runs.orphan(session, left, now=clock(session))

    def _tell(self) -> None:
        every = beat_every(self._desk.settings).total_seconds()
        while True:
            try:
                with self._desk.transaction() as session:
                    workers.beat(session, self._desk.worker, host=gethostname(), now=clock(session))
            except SQLAlchemyError:
                # Without the database nobody can take this process for dead either.
                logger.warning("The database does not hear that this worker is alive")
            if self._done.wait(every):
                return
