"""
A worker that has gone deaf ends, so that whoever supervises it starts another.

After children of its pool were killed, or its broker went away, Celery's parent process has been
seen to take messages and to hand none of them to a child, although all children are idle; it
does not end when asked to, either (Celery 5.6, found by the soak test). The jobs are not lost,
since others rescue them. The worker would be.
"""

from __future__ import annotations

import logging
import os
import threading
from datetime import timedelta
from time import monotonic

from celery.worker import state

logger = logging.getLogger(__name__)

#: Seconds between two looks.
LOOK_EVERY = 1.0
#: What is in hand and not begun for so many leases, and not shorter than so long, while nothing
#: is at work, will not be.
LEASES, AT_LEAST = 2, timedelta(seconds=15)
#: The exit code; "internal software error" in sysexits.h.
EXIT = 70


class Hearing:
    """Looks after the parent process of a worker, from `start` until it ends."""

    def __init__(self, lease: timedelta) -> None:
        self._patience = max(LEASES * lease, AT_LEAST).total_seconds()
        self._since: dict[str, float] = {}

    def start(self) -> None:
        """Look, from now on."""
        threading.Thread(target=self._watch, name="hearing", daemon=True).start()

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(LOOK_EVERY):
            waited = self._waited()
            if waited > self._patience:
                logger.critical(
                    "For %d s none of %d messages in hand was begun, and nothing is at work: this "
                    "worker has gone deaf and ends",
                    waited,
                    len(self._since),
                )
                # An orderly end would wait for those messages.
                os._exit(EXIT)

    def _waited(self) -> float:
        """Seconds for which the oldest message in hand has waited while nothing was at work."""
        try:
            active = {request.id for request in list(state.active_requests)}
            in_hand = {request.id for request in list(state.reserved_requests)} - active
        except RuntimeError:
            # The sets changed while they were copied: there is life.
            active, in_hand = {""}, set()
        now = monotonic()
        self._since = {} if active else {one: self._since.get(one, now) for one in in_hand}
        return now - min(self._since.values(), default=now)
