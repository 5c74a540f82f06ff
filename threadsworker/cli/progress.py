"""A job's progress, live: one line a segment, its state, the time it took."""

from __future__ import annotations

import time
from collections.abc import Iterable

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from threadsworker.cli.tables import coloured, head
from threadsworker.report import Job


def follow(changes: Iterable[Job]) -> Job:
    """Show a job as it changes; the job as it was last. Plain lines where there is no terminal."""
    out = Console(stderr=True, highlight=False)
    clock = _Clock()
    if not out.is_terminal:
        return _lines(changes, out, clock)
    last: Job | None = None
    with Live(console=out, refresh_per_second=8) as live:
        for last in changes:
            clock.see(last)
            live.update(_table(last, clock))
    assert last is not None
    return last


class _Clock:
    """When each segment began to move, and when it was done."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._began: dict[int, float] = {}
        self._ended: dict[int, float] = {}

    def see(self, job: Job) -> None:
        now = time.monotonic()
        for segment in job.segments:
            if segment.state not in ("waiting", "staging", "ready_to_create"):
                self._began.setdefault(segment.index, now)
            if segment.state == "verified":
                self._ended.setdefault(segment.index, now)

    def elapsed(self, index: int) -> str:
        if index not in self._began:
            return ""
        end = self._ended.get(index, time.monotonic())
        return f"{end - self._began[index]:.1f} s"

    def total(self) -> str:
        return f"{time.monotonic() - self._started:.1f} s"


def _table(job: Job, clock: _Clock) -> Table:
    table = Table(box=None, padding=(0, 1))
    waits = f" ({job.reason})" if job.reason else ""
    table.add_row("", coloured(job.state), Text(f"{job.id}{waits}"), clock.total())
    for segment in job.segments:
        table.add_row(
            str(segment.index + 1),
            coloured(segment.state),
            Text(head(segment.text) or f"{len(segment.media)} media"),
            clock.elapsed(segment.index),
        )
    return table


def _lines(changes: Iterable[Job], out: Console, clock: _Clock) -> Job:
    seen: dict[int, str] = {}
    last: Job | None = None
    for last in changes:
        clock.see(last)
        for segment in last.segments:
            if seen.get(segment.index) != segment.state:
                seen[segment.index] = segment.state
                out.print(
                    f"{clock.total():>8}  segment {segment.index + 1}: {segment.state}",
                    markup=False,
                )
    assert last is not None
    out.print(f"{clock.total():>8}  {last.state}", markup=False)
    return last
