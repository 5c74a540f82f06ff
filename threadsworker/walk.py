"""
Works a job in this process, step by step, where no worker is running.

A message of a chain is only a hint, so here it is a value instead of a message in a broker. The
steps, the claims and the rows are those of a worker: a process that is killed in the middle
leaves a job that another one, or a worker, goes on with; and two that walk the same job at once
do no more harm than a message that comes twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import InterfaceError, OperationalError

from threadsworker.job import RESTING, JobState, WaitReason
from threadsworker.settings import Settings
from threadsworker.steps.cleanup import CLEANUP, tidy
from threadsworker.steps.create_containers import CREATE_CONTAINERS
from threadsworker.steps.desk import Desk
from threadsworker.steps.poll_status import POLL_STATUS
from threadsworker.steps.presence import MISSED_BEATS, beat_every
from threadsworker.steps.publish import PUBLISH
from threadsworker.steps.reply_chain import REPLY_CHAIN
from threadsworker.steps.start import DATABASE_PATIENCE
from threadsworker.steps.step import Again, Broken, Go, Next, Stop
from threadsworker.steps.take import DATABASE_GAP, take
from threadsworker.steps.upkeep import DISPATCH, silence_of
from threadsworker.steps.upload import UPLOAD
from threadsworker.store import duties, jobs, runs, workers
from threadsworker.store.database import clock
from threadsworker.store.runs import Start
from threadsworker.store.tables import JobRow

logger = logging.getLogger(__name__)

#: How long a script holds a job without a sign of life: shorter than a worker's lease, since
#: nobody watches over scripts, and who runs it again should not have to wait long.
SCRIPT_LEASE = timedelta(seconds=20)
#: A longer wait is a parked row also here, so that a cancelled job is noticed.
LONGEST_NAP = timedelta(seconds=5)
#: Seconds between two looks at a job that is somebody else's, or not due.
LOOK_EVERY = 0.2
#: Reasons to wait that only the owner of the account can end.
HELD = frozenset({WaitReason.NEEDS_RECONNECT, WaitReason.PAUSED})

#: Steps of a segment, in their order, by the names of their messages.
_OF_SEGMENT = {step.name: step for step in (CREATE_CONTAINERS, POLL_STATUS, PUBLISH)}
_OF_JOB = {step.name: step for step in (UPLOAD, REPLY_CHAIN, CLEANUP)}
_SEGMENT_CHAIN = (*_OF_SEGMENT, REPLY_CHAIN.name)


@dataclass(frozen=True)
class Hint:
    """One message of a job's chain: the step to take, and the names of those behind it."""

    step: str
    job_id: str
    run: int
    #: Of the segment, for a step that is one's.
    index: int | None
    rest: tuple[str, ...] = ()

    def then(self, rest: tuple[str, ...], index: int | None) -> Hint:
        """The first of `rest`, with the others behind it."""
        return replace(self, step=rest[0], rest=rest[1:], index=index)


def first(start: Start) -> Hint:
    """The first message of a run, as `threadsworker.queue.job_chain` has it."""
    rest = (*(_SEGMENT_CHAIN if start.index is not None else ()), "cleanup")
    return Hint("upload", start.job_id, start.run, start.index, rest)


def act(desk: Desk, hint: Hint) -> Next:
    """Take the hint's step."""
    if hint.step in _OF_SEGMENT:
        assert hint.index is not None
        return take(desk, _OF_SEGMENT[hint.step], hint.job_id, hint.run, hint.index)
    return take(desk, _OF_JOB[hint.step], hint.job_id, hint.run)


def following(desk: Desk, hint: Hint, outcome: Next) -> Hint | None:
    """What comes after the step, for `Again` when its delay is over; None: the chain ends."""
    match outcome:
        case Go(follow=start) if start is not None:
            steps = () if start.index is None else _SEGMENT_CHAIN
            return hint.then((*steps, *hint.rest), start.index)
        case Go() if hint.rest:
            return hint.then(hint.rest, hint.index)
        case Again():
            return hint
        case Broken(_, clean) if clean:
            return Hint("cleanup", hint.job_id, hint.run, None)
        case Stop() if hint.step == "cleanup":
            tidy(desk, hint.job_id)
    return None


@dataclass(frozen=True)
class _Look:
    """A job at one moment, and who else may work it."""

    row: JobRow
    now: datetime
    has_workers: bool
    #: Whether workers are sent for what is due.
    has_beat: bool

    @property
    def is_the_workers(self) -> bool:
        """Whether it is left to workers: without beat those come for what they were sent for."""
        return self.has_workers and (self.has_beat or not self.is_due)

    @property
    def is_due(self) -> bool:
        return self.row.wake_at is not None and self.row.wake_at <= self.now

    @property
    def rests(self) -> bool:
        """Whether it is at rest, or waits for a person."""
        is_held = self.row.state == JobState.WAITING and self.row.reason in HELD
        return self.row.state in RESTING or (is_held and not self.is_due)

    @property
    def long_wait(self) -> str | None:
        """What it waits for, and until when, if that takes longer than a nap."""
        wake_at = self.row.wake_at
        is_long = wake_at is not None and wake_at - self.now > LONGEST_NAP
        if self.row.state != JobState.WAITING or not is_long:
            return None
        return f"{self.row.reason}; the next look is at {wake_at:%Y-%m-%d %H:%M:%S} UTC"


class Walker:
    """Sees jobs to their end: waits for the workers, and does their work if there are none."""

    def __init__(self, settings: Settings, *, now: Callable[[], datetime] | None = None) -> None:
        """
        Parameters
        ----------
        now:
            What the times of rows are compared with, as an aware datetime; None: the
            database's clock.
        """
        short = {
            "lease": min(settings.lease, SCRIPT_LEASE),
            "max_countdown": min(settings.max_countdown, LONGEST_NAP),
        }
        self._desk = Desk(settings.model_copy(update=short), now=now)
        #: After so long without a sign of life of one, there are no workers.
        self._silence = MISSED_BEATS * beat_every(settings)
        self._pause = threading.Event()
        self._has_said = False

    def close(self) -> None:
        """Close the connections to the database."""
        self._desk.engine.dispose()

    def finish(self, job_id: str, *, timeout: float | None = None) -> None:
        """
        Return when the job rests, or waits for something that only a person can do.

        Raises
        ------
        NotFound, TimeoutError:
            There is no such job; it is not there after `timeout` seconds. What was begun is
            left to whoever comes next.
        """
        clock_off = None if timeout is None else time.monotonic() + timeout
        nap = partial(self._nap, job_id, clock_off)
        told = None
        while True:
            look, start = self._patiently(job_id, nap)
            if look.rests:
                return
            if look.long_wait not in (None, told):
                told = look.long_wait
                logger.warning("Job %s waits: %s", job_id, told)
            if start is None:
                nap(LOOK_EVERY)
                continue
            self._walk(first(start), nap)

    def _patiently(self, job_id: str, nap: Callable[[float], None]) -> tuple[_Look, Start | None]:
        """
        The job, and the run of it that this process may begin.

        A database that does not answer is asked again, as a worker's messages do: a script that
        ended for that would be run again, and its posts might be enqueued twice.
        """
        patience_ends = time.monotonic() + DATABASE_PATIENCE
        while True:
            try:
                look = self._look(job_id)
                start = None if look.rests else self._taken(look)
                if start is not None:
                    self._say_so(look)
                return look, start
            except (OperationalError, InterfaceError):
                if time.monotonic() >= patience_ends:
                    raise
                logger.warning("Job %s: the database does not answer; it is asked again", job_id)
                nap(DATABASE_GAP.total_seconds())

    def _look(self, job_id: str) -> _Look:
        with self._desk.reading() as session:
            now = clock(session)
            last = duties.last_done(session, DISPATCH)
            return _Look(
                jobs.find(session, job_id),
                now,
                has_workers=workers.is_any_alive(session, since=now - self._silence),
                has_beat=last is not None and now - last <= silence_of(self._desk.settings),
            )

    def _taken(self, look: _Look) -> Start | None:
        """The run that this process may begin; None: it is another's, or not due."""
        row = look.row
        if look.is_the_workers:
            return None
        if row.state == JobState.QUEUED and not look.has_workers:
            # Its message reached nobody: this is what a reader of it would do.
            with self._desk.reading() as session:
                return runs.start_of(session, row.id, row.run)
        if not look.is_due:
            return None
        with self._desk.transaction() as session:
            silence = self._desk.settings.lease
            return runs.pick_up(session, row.id, silence=silence, now=clock(session))

    def _say_so(self, look: _Look) -> None:
        if self._has_said:
            return
        self._has_said = True
        logger.warning(
            "%s, so this process works its jobs itself; `threadsworker up` starts both",
            "No beat is running, which sends the workers"
            if look.has_workers
            else "No worker is running",
        )
        with self._desk.reading() as session:
            others = set(runs.left_behind(session, look.row.account_id, now=look.now))
        if others := others - {look.row.id}:
            logger.warning(
                "Nobody works on %s of the same account, left behind by other processes: a worker "
                "goes on with them, or ThreadsPipe.finish",
                ", ".join(sorted(others)),
            )

    def _walk(self, hint: Hint, nap: Callable[[float], None]) -> None:
        while True:
            try:
                outcome = act(self._desk, hint)
                next_hint = following(self._desk, hint, outcome)
            except Exception:
                # A worker would go on with others and come back to it, and so do we.
                logger.exception("Job %s: its step %s broke", hint.job_id, hint.step)
                nap(LOOK_EVERY)
                return
            if next_hint is None:
                return
            hint = next_hint
            nap(outcome.delay.total_seconds() if isinstance(outcome, Go | Again) else 0.0)

    def _nap(self, job_id: str, clock_off: float | None, seconds: float) -> None:
        if clock_off is not None:
            left = clock_off - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"job {job_id} has not come to its end in time")
            seconds = min(seconds, left)
        if seconds > 0:
            self._pause.wait(seconds)
