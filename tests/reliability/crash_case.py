"""Running one case on a lane."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any

from tests.reliability.crash_cases import MEETING, Case, Late, Line
from tests.reliability.crash_invariants import Problem, Wrong, check
from tests.reliability.harness_gun import Target
from tests.reliability.harness_lane import Lane, is_alive
from threadsworker.job import RESTING

#: Seconds until a worker that was to be stopped counts as having got past the point.
REACH = 30.0
#: Seconds until a job counts as stuck.
STUCK = 40.0
#: Seconds until a stopped worker is let go on, whatever the others have come to: it may be what
#: they are waiting for.
LONGEST_STOP = 15.0
#: Seconds without a step after which a worker that was let go on counts as done.
QUIET = 0.6


@dataclass
class Result:
    """What came of a case."""

    case: str
    family: str
    problems: list[Problem]
    seconds: float
    #: What the workers were stopped at, if the gun did it.
    hits: list[str]
    calls: int
    #: Publishes that Meta was sent; more than one for a segment is where harm would come from.
    publishes: int
    #: Whether the job was at rest only after the stopped worker had gone on.
    waited_for_zombie: bool = False
    logs: str = field(default="", repr=False)

    @property
    def passed(self) -> bool:
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "passed": self.passed}


def run(lane: Lane, case: Case) -> Result:
    """Run the case from empty tables to the end of all workers, and look at what is left."""
    began = monotonic()
    lane.clean()
    return _Run(lane, case).run(began)


class _Run:
    def __init__(self, lane: Lane, case: Case) -> None:
        self._lane = lane
        self._case = case
        self._hits: list[str] = []
        self._problems: list[Problem] = []
        self._waited = False

    def run(self, began: float) -> Result:
        lane, case = self._lane, self._case
        reached = all(self._shoot(number) for number in range(len(case.shots)))
        if case.late in MEETING:
            lane.gun.release_at(MEETING[case.late])
        lane.start_worker("survivor")
        self._finish()
        lane.stop_workers()
        problems = [*self._problems, *check(lane)]
        calls = [entry for entry in lane.sandbox.ledger if entry["service"] != "fetch"]
        if not reached:
            problems.append(Problem(Wrong.UNREACHED, f"stopped at {self._hits} only"))
        return Result(
            case=case.name,
            family=case.family,
            problems=problems,
            seconds=round(monotonic() - began, 3),
            hits=self._hits,
            calls=len(calls),
            publishes=sum(one["path"].endswith("/threads_publish") for one in calls),
            waited_for_zombie=self._waited,
            logs=lane.logs() if problems else "",
        )

    def _shoot(self, number: int) -> bool:
        """Start a worker and see it stopped; False if it never was."""
        lane, case = self._lane, self._case
        shot = case.shots[number]
        lines = None
        if isinstance(shot, Line):
            lines = {"modules": shot.modules, "kill_at": shot.nth}
        pid = lane.start_worker(f"worker-{number}", lines=lines)
        lane.gun.load(
            shot if isinstance(shot, Target) else None,
            pid=pid,
            by=signal.SIGSTOP if case.zombie else signal.SIGKILL,
            late=case.late is not None,
        )
        if number == 0:
            lane.enqueue()
        # Beat stays away from the first worker, so that nothing but the shot disturbs it.
        lane.until(
            lambda: lane.gun.fired.is_set() or not is_alive(pid) or self._is_settled(),
            timeout=REACH,
            duties=number > 0,
        )
        hit = lane.gun.hit
        if hit is not None:
            self._hits.append(f"{hit.edge} {hit.what} {hit.label}".strip())
        if case.zombie:
            return hit is not None
        return lane.until(lambda: not is_alive(pid), timeout=1.0, duties=False)

    def _finish(self) -> None:
        """Until the job is at rest, no file is left, and what comes late has come."""
        lane, case = self._lane, self._case
        patience = LONGEST_STOP if case.zombie else STUCK
        settled = lane.until(self._is_settled, timeout=patience, duties=True)
        if case.zombie:
            self._waited = not settled
            self._let_come(lane.gun.thaw, settled=settled)
        if case.late is Late.AFTER_THE_END:
            self._let_come(lane.gun.release, settled=settled)

    def _let_come(self, what: Callable[[], None], *, settled: bool) -> None:
        """Let come what comes late. It may tell facts; of a job at rest it decides nothing."""
        lane = self._lane
        if lane.sandbox.staged_files() and settled:
            self._problems.append(Problem(Wrong.FILES, f"{lane.sandbox.staged_paths()}"))
        before = self._decided()
        what()
        self._until_quiet()
        if settled and self._decided() != before:
            self._problems.append(
                Problem(Wrong.UNFENCED, f"the job was {before} and is {self._decided()}")
            )
        lane.until(self._is_settled, timeout=STUCK, duties=True)
        # A staged file that came late is found by the next listing of the repository.
        lane.sweep_now()

    def _until_quiet(self) -> None:
        lane = self._lane
        lane.until(lambda: monotonic() - lane.gun.last > QUIET, timeout=STUCK, duties=True)

    def _decided(self) -> list[Any]:
        return self._lane.rows(
            "SELECT state, run, epoch, claims, finished_at FROM threadsworker_job"
        )

    def _is_settled(self) -> bool:
        left = self._lane.rows("SELECT 1 FROM threadsworker_staged WHERE state <> 'gone' LIMIT 1")
        ((state,),) = self._lane.rows("SELECT state FROM threadsworker_job")
        return state in RESTING and not left
