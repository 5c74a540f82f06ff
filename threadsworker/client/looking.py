"""When a job that is waited for is looked at again, and when no more."""

from __future__ import annotations

import time
from collections.abc import Callable

from threadsworker.job import RESTING
from threadsworker.report import Job

#: Seconds between two looks at first, and at most.
LOOK_EVERY = 0.2
LOOK_AT_LEAST_EVERY = 2.0
#: The part of the time waited so far that passes between two looks, in between.
SHARE = 0.05


class Looking:
    """The looks of one wait. Who waits reads the job and sleeps, in whichever way is theirs."""

    def __init__(
        self, timeout: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout = timeout
        self._clock = clock
        self._begun = clock()
        self._seen: Job | None = None

    def is_new(self, job: Job) -> bool:
        """Whether the job is another than at the last look."""
        before, self._seen = self._seen, job
        return job != before

    def is_over(self, job: Job) -> bool:
        """
        Whether the job rests: there is nothing more to wait for.

        Raises
        ------
        TimeoutError:
            It does not, and the time is up.
        """
        if job.state in RESTING:
            return True
        if self._timeout is not None and self._waited() >= self._timeout:
            raise TimeoutError(f"job {job.id} is still {job.state} after {self._timeout} seconds")
        return False

    def pause(self) -> float:
        """Seconds until the next look: the longer the wait, the fewer looks."""
        waited = self._waited()
        gap = min(max(LOOK_EVERY, waited * SHARE), LOOK_AT_LEAST_EVERY)
        return gap if self._timeout is None else min(gap, max(0.0, self._timeout - waited))

    def _waited(self) -> float:
        return self._clock() - self._begun
