"""
The gun: sees what a worker does to the world, in order, and stops the worker at one of those
moments.

Everything that a worker does to the world passes through a proxy (`harness_proxy`): calls to
Meta and GitHub, COMMITs, messages. A proxy shows each of them to the gun twice, before it takes
effect over there and before the worker hears of it, and waits. So there is no luck and no
sleeping in it: a worker that is killed before its COMMIT has not committed, and one that is
killed after it does not know that it has.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum
from time import monotonic


class What(StrEnum):
    """What a worker does to the world."""

    #: An HTTP call to Meta or GitHub.
    CALL = "call"
    #: A transaction that is committed.
    COMMIT = "commit"
    #: A message in the queue of steps.
    PUSH = "push"


class Edge(StrEnum):
    """Which side of it."""

    #: It has left the worker, and has no effect yet.
    BEFORE = "before"
    #: It took effect, and the worker does not know.
    AFTER = "after"


@dataclass(frozen=True)
class Moment:
    """A moment at which a worker can be stopped."""

    what: What
    edge: Edge
    #: Of a call: its kind. Of a commit: what was written.
    label: str = ""
    #: It is a sign of life, not a step. Such are neither counted nor recorded.
    background: bool = False


@dataclass(frozen=True)
class Target:
    """The moment to fire at: the `nth` of its sort since the gun was loaded, from 0."""

    what: What
    edge: Edge
    nth: int
    #: Count those of this label only; None: whatever their label.
    label: str | None = None
    #: Count from the first answer to a call only.
    since_answer: bool = False


#: Seconds that a worker waits at most for what `Gun.release_at` lets go on.
ARRIVAL = 10.0


class Shot(ConnectionError):
    """The worker at the other end was killed: this connection is over."""


@dataclass
class Gun:
    """One per lane. Safe to share between threads."""

    record: list[Moment] = field(default_factory=list)
    #: Set when a worker has asked for its first message.
    listening: threading.Event = field(default_factory=threading.Event)
    #: Set when the gun has fired.
    fired: threading.Event = field(default_factory=threading.Event)
    #: What was hit.
    hit: Moment | None = None
    #: When a worker did something last, or was let go on, by `monotonic`.
    last: float = 0.0
    _target: Target | None = None
    _pid: int = 0
    _signal: signal.Signals = signal.SIGKILL
    #: Moments of the target's sort so far.
    _seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thawed: threading.Event = field(default_factory=threading.Event)
    #: Whether what a killed worker sent stays on the line; set when it may go on; set when it
    #: has been answered.
    _is_late: bool = False
    _late: threading.Event = field(default_factory=threading.Event)
    _arrived: threading.Event = field(default_factory=threading.Event)

    def load(
        self,
        target: Target | None,
        *,
        pid: int,
        by: signal.Signals = signal.SIGKILL,
        late: bool = False,
    ) -> None:
        """
        Count anew from here, and stop process `pid` at `target`.

        Parameters
        ----------
        late:
            What the killed worker sent is not lost: it waits on the line until `release`, or
            until a moment of `release_at`.
        """
        with self._lock:
            self.record.clear()
            self.fired.clear()
            self._thawed.clear()
            self.hit, self._seen = None, 0
            self._target, self._pid, self._signal = target, pid, by
            self._is_late, self._late, self._arrived = late, threading.Event(), threading.Event()

    def saw(self, moment: Moment) -> None:
        """
        Returns when the bytes may go on.

        Raises
        ------
        Shot:
            They may not: the worker is dead.
        """
        with self._lock:
            if moment.background:
                return
            self.last = monotonic()
            self.record.append(moment)
            if self._late.is_set() and self._is_answer_to_late(moment):
                self._arrived.set()
            if not self._is_target(moment):
                return
            self._target = None
            if releasing := self.hit is not None:
                self._late.set()
            else:
                os.kill(self._pid, self._signal)
                self.hit = moment
                self.fired.set()
        if releasing:
            self._arrived.wait(ARRIVAL)
            return
        if self._signal == signal.SIGSTOP:
            self._thawed.wait()
            return
        if self._is_late:
            self._late.wait()
            return
        raise Shot

    def thaw(self) -> None:
        """Let a stopped worker go on; what it had in hand goes on too."""
        self.last = monotonic()
        os.kill(self._pid, signal.SIGCONT)
        self._thawed.set()

    def release(self) -> None:
        """Let what waits on the line go on, if anything does."""
        self.last = monotonic()
        self._thawed.set()
        self._late.set()

    def release_at(self, target: Target) -> None:
        """
        Let what waits on the line go on when another worker is at `target`.

        That one waits until it has arrived, so it comes first for certain.
        """
        with self._lock:
            self._target, self._seen = target, 0

    def _is_answer_to_late(self, moment: Moment) -> bool:
        hit = self.hit
        return hit is not None and moment == replace(hit, edge=Edge.AFTER)

    def _is_target(self, moment: Moment) -> bool:
        """Counts the moment, if it is of the target's sort."""
        target = self._target
        if target is None or (target.what, target.edge) != (moment.what, moment.edge):
            return False
        if target.label not in (None, moment.label):
            return False
        if target.since_answer and not any(
            (one.what, one.edge) == (What.CALL, Edge.AFTER) for one in self.record
        ):
            return False
        self._seen += 1
        return self._seen > target.nth
