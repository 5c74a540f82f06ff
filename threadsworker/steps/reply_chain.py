"""On to the next segment of the thread. Nothing is asked of anybody but the rows."""

from __future__ import annotations

from threadsworker.job import PASSED
from threadsworker.steps.desk import Desk
from threadsworker.steps.step import Go, Step
from threadsworker.store import runs
from threadsworker.store.runs import Start


def _see(desk: Desk, job_id: str, run: int, _index: int | None) -> Start | None:
    """A stale or doubled message ends its chain here."""
    with desk.reading() as session:
        return runs.follow(session, job_id, run)


def _look(_desk: Desk, start: Start) -> Go:
    if start.index is None:
        return Go(f"all {start.segments} segments are live", follow=start)
    return Go(f"on to segment {start.index + 1}/{start.segments}", follow=start)


REPLY_CHAIN = Step("reply_chain", see=_see, look=_look, act=lambda _desk, _claim, _start: PASSED)
