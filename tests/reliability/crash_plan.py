"""All cases, from what a few runs of the canonical job have shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from tests.reliability.crash_case import REACH, STUCK
from tests.reliability.crash_cases import (
    Case,
    double_crashes,
    late_publishes,
    line_crashes,
    single_crashes,
)
from tests.reliability.crash_points import Point, by_name, enumerate_points
from tests.reliability.harness_gun import Moment
from tests.reliability.harness_lane import Lane, is_alive

#: Points after which the next worker has to find out what became of a publish: nothing was
#: sent, and it was published without an answer.
DOUBTS = ("publish[0].c1", "publish[0].c2b")


def plan(on: Sequence[Lane]) -> list[Case]:
    """Every case there is. The lanes run the canonical job a few times for it."""
    points = enumerate_points(record_moments(on[0]))
    doubts = [by_name(points)[name] for name in DOUBTS]
    with ThreadPoolExecutor(len(on)) as pool:
        idle = SimpleQueue[Lane]()
        for lane in on:
            idle.put(lane)

        def record(module: str, after: Point | None) -> list[str]:
            lane = idle.get()
            try:
                return record_lines(lane, module, after=after)
            finally:
                idle.put(lane)

        publish = [pool.submit(record, module, None) for module in ("publish.py", "send.py")]
        settle = [pool.submit(record, "settle.py", doubt) for doubt in doubts]
        return [
            *single_crashes(points),
            *late_publishes(points),
            *double_crashes(points),
            *(
                case
                for lines in publish
                for case in line_crashes("line of publish", lines.result())
            ),
            *(
                case
                for doubt, lines in zip(doubts, settle, strict=True)
                for case in line_crashes("line of settle", lines.result(), after=doubt)
            ),
        ]


def record_moments(lane: Lane) -> list[Moment]:
    """What one worker does to the world for one undisturbed job."""
    lane.clean()
    lane.gun.load(None, pid=lane.start_worker("worker"))
    lane.enqueue()
    assert _is_published(lane, duties=False), f"not published\n{lane.logs()}"
    lane.stop_workers()
    return list(lane.gun.record)


def record_lines(lane: Lane, module: str, *, after: Point | None = None) -> list[str]:
    """The lines that a worker runs in the module, when another was killed at a point."""
    lane.clean()
    record = lane.directory / "lines"
    record.unlink(missing_ok=True)
    if after is not None:
        pid = lane.start_worker("worker-0")
        lane.gun.load(after.target, pid=pid)
        lane.enqueue()
        lane.until(lambda: not is_alive(pid), timeout=REACH, duties=False)
    lane.start_worker("worker", lines={"modules": [module], "record": str(record)})
    if after is None:
        lane.enqueue()
    # If it does not get there, the cases will tell why.
    _is_published(lane, duties=after is not None)
    lane.stop_workers()
    return record.read_text().split() if record.exists() else []


def sample(cases: Sequence[Case], each: Mapping[str, int], *, others: int) -> list[Case]:
    """So many cases of `each` of these families and of all `others`, evenly spread."""
    chosen = []
    for family in dict.fromkeys(case.family for case in cases):
        mine = [case for case in cases if case.family == family]
        count = min(each.get(family, others), len(mine))
        chosen += [mine[(2 * n + 1) * len(mine) // (2 * count)] for n in range(count)]
    return chosen


def _is_published(lane: Lane, *, duties: bool) -> bool:
    return lane.until(
        lambda: lane.rows("SELECT 1 FROM threadsworker_job WHERE state = 'published'"),
        timeout=STUCK,
        duties=duties,
    )
