"""
Beats that make the jobs of recurring posts, and are killed: real processes in virtual time.

Each does the duty again and again until it is killed. They share a clock with the test.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from threading import Event
from typing import Any

from threadsworker.settings import load_settings
from threadsworker.steps.desk import Desk
from threadsworker.steps.recurring import make_due

# Forked from a process that has made its imports and has neither threads nor connections.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "pytest",
        "psycopg",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.sqlite",
        "tests.reliability.recurring_beats",
    ]
)
#: Seconds between two times that one does the duty.
EVERY = 0.01


class SharedClock:
    """Seconds since 1970, put forward by the test and read by everyone."""

    def __init__(self, seconds: float) -> None:
        # Without a lock: one who is killed would take it with him.
        self.seconds = _CONTEXT.Value("d", seconds, lock=False)

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self.seconds.value, UTC)

    def put_forward(self, seconds: float) -> None:
        self.seconds.value += seconds


def beat(given: dict[str, Any], clock: SharedClock) -> None:
    """Do the duty for ever."""
    desk = Desk(load_settings(**given), now=clock)
    never = Event()
    while not never.wait(EVERY):
        make_due(desk)


class Beats:
    """So many processes, one of which can be killed, and is replaced."""

    def __init__(self, count: int, given: dict[str, Any], clock: SharedClock) -> None:
        self._given, self._clock = given, clock
        self.processes = [self._started() for _ in range(count)]

    def _started(self) -> BaseProcess:
        process = _CONTEXT.Process(target=beat, args=(self._given, self._clock), daemon=True)
        process.start()
        return process

    def kill(self, number: int) -> None:
        """SIGKILL to one, whatever it is doing; another takes its place."""
        place = number % len(self.processes)
        self._end(self.processes[place])
        self.processes[place] = self._started()

    def _end(self, process: BaseProcess) -> None:
        # One that ended by itself would prove nothing.
        assert process.is_alive()
        process.kill()
        process.join(20)

    def end(self) -> None:
        for process in self.processes:
            self._end(process)


@contextmanager
def beats(count: int, given: dict[str, Any], clock: SharedClock) -> Iterator[Beats]:
    """Running beats, killed at the end."""
    running = Beats(count, given, clock)
    try:
        yield running
    finally:
        running.end()
