"""What to expect of a container, from what was seen lately: asked of the database now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from threadsworker.polling import BELIEFS, MEMORY, Expectation, at_first, expect
from threadsworker.store import processing
from threadsworker.store.database import reading

logger = logging.getLogger(__name__)

#: Seconds that an expectation holds.
HOLDS = 60.0


@dataclass
class Expectations:
    """One process's, by kind. Threads may share it."""

    engine: Engine
    #: Seconds that only grow.
    clock: Callable[[], float] = time.monotonic
    _held: dict[str, Expectation] = field(default_factory=dict)
    _asked: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, kind: str) -> Expectation:
        """
        What to expect of a container of `kind`. To be asked outside of a transaction.

        A database that does not answer leaves it at what was expected before: another look at
        the wrong moment is no reason to fail.
        """
        if self._is_due(kind):
            try:
                self._held[kind] = self._learned(kind)
            except SQLAlchemyError:
                logger.warning("What containers took could not be read", exc_info=True)
        return self._held.get(kind) or at_first(kind)

    def _is_due(self, kind: str) -> bool:
        """Whether it is this thread's turn to ask; the others go on with what there is."""
        with self._lock:
            now = self.clock()
            if now < self._asked.get(kind, -HOLDS) + HOLDS:
                return False
            self._asked[kind] = now
            return True

    def _learned(self, kind: str) -> Expectation:
        with reading(self.engine) as session:
            seen = processing.recent(session, kind, MEMORY)
        return expect(BELIEFS[kind], seen) if seen else at_first(kind)
