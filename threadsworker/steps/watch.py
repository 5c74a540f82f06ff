"""What a step tells those who watch: its counts, and its span."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from threadsworker import counting, tracing
from threadsworker.counting.instruments import JOBS_ENDED, STEP_SECONDS, STEPS, THREAD_SECONDS
from threadsworker.job import Done, Early, Failed, Finished, JobState, Outcome, Review, Wait
from threadsworker.steps.step import SKIPPED, Again, Next
from threadsworker.subject import Subject
from threadsworker.tracing import Told

logger = logging.getLogger(__name__)

#: What an outcome makes of its job, where that is an end.
_ENDS: dict[type[Outcome], JobState] = {
    Finished: JobState.PUBLISHED,
    Failed: JobState.FAILED,
    Review: JobState.NEEDS_REVIEW,
}


class Watch:
    """One step of a job while it is taken."""

    def __init__(self, subject: Subject, told: Told) -> None:
        self._subject = subject
        self._told = told
        self._ends: tuple[datetime, datetime] | None = None
        #: In a word; a step that breaks comes to nothing else.
        self.outcome = "broke"

    @property
    def doing(self) -> str:
        """``Job 5f0c… run 1 publish segment 0``: how its lines begin."""
        one = self._subject
        segment = "" if one.segment is None else f" segment {one.segment}"
        return f"Job {one.job} run {one.run} {one.step}{segment}"

    def ends(self, *, due: datetime, now: datetime) -> None:
        """The job is about to end, which was due then."""
        self._ends = due, now

    def passed(self, following: Next) -> None:
        """The step has come to its end without a claim."""
        self.outcome = "wait" if isinstance(following, Again) else "done"
        if following is SKIPPED:
            self.outcome = "skipped"
        logger.info("%s: %s", self.doing, getattr(following, "said", self.outcome))

    def came(self, outcome: Outcome) -> None:
        """What came of the step, once that is committed."""
        logger.info("%s: %s", self.doing, in_words(outcome))
        self.outcome = type(outcome).__name__.lower()
        if isinstance(outcome, Wait):
            self._told.tell("threadsworker.reason", outcome.reason)
        if isinstance(outcome, Failed | Review):
            self._told.tell("threadsworker.code", outcome.trouble.code)
            self._told.fail()
        state = _ENDS.get(type(outcome))
        if state is None or self._ends is None:
            return
        due, now = self._ends
        counting.count(JOBS_ENDED, state=state)
        if isinstance(outcome, Finished):
            counting.observe(THREAD_SECONDS, (now - due).total_seconds())
        tracing.job_ended(self._subject, state, due=due, now=now)


def in_words(outcome: Outcome) -> str:
    """What came of a step, for people."""
    match outcome:
        case Done(progress):
            return "done" if progress else "nothing to do"
        case Finished():
            return "published"
        case Early(until):
            return f"prepared, and waits for its time, {until:%Y-%m-%d %H:%M:%S} UTC"
        case Failed(trouble):
            return f"failed: {trouble.message} [{trouble.code}]"
        case Review(trouble):
            return f"needs a person: {trouble.message} [{trouble.code}]"
        case Wait(delay, reason, trouble):
            told = f": {trouble.message} [{trouble.code}]" if trouble else ""
            return f"waits {delay.total_seconds():.1f} s, {reason}{told}"


@contextmanager
def watched(subject: Subject) -> Iterator[Watch]:
    """Count the step that is taken in the block, and give it a span."""
    with tracing.step(subject) as told:
        watch, begun = Watch(subject, told), time.monotonic()
        try:
            yield watch
        finally:
            step = subject.step or ""
            told.tell("threadsworker.outcome", watch.outcome)
            counting.count(STEPS, step=step, outcome=watch.outcome)
            counting.observe(STEP_SECONDS, time.monotonic() - begun, step=step)
