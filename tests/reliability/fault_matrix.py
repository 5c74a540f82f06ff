"""
Runs the fault matrix: ``python -m tests.reliability.fault_matrix --into FILE [--sample N]``.

Every case is one canonical job in a world of its own, in virtual time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.reliability import crash_job
from tests.reliability.fault_cases import FaultCase, cases
from tests.reliability.virtual_world import ACCESS_TOKEN, GITHUB_TOKEN, World, fast_folder
from threadsworker.job import JobState
from threadsworker.sandbox.request import Request

#: Calls to Meta and GitHub that a job may need, with any one fault.
MOST_CALLS = 120


@dataclass(frozen=True)
class Result:
    name: str
    trouble: str
    problems: list[str]


def run_case(case: FaultCase, folder: Path) -> Result:
    """One case; what is wrong afterwards, if anything."""
    with World(folder) as world:
        down: list[bool] = []
        hits: list[Request] = []

        def hit(request: Request) -> None:
            hits.append(request)
            if case.trouble.down and not down:
                down.append(True)

        world.sandbox.plan_fault(case.fault(), on_hit=hit)
        job_id = world.submit()
        try:
            _run(world, down)
            problems = list(_healed(world, case, job_id))
        except AssertionError as error:
            problems = [f"limbo: {error}"]
        if not hits:
            problems.append("unreached: the call was never made")
        return Result(case.name, case.trouble.name, [*problems, *check(world)])


def _run(world: World, down: list[bool]) -> None:
    """Until rest. A service that is down is up again by the time of the next message but one."""

    def done() -> bool:
        if down == [True]:
            world.sandbox.stop()
            down.append(False)
        elif len(down) == 2:
            world.sandbox.start()
            down.append(False)
        return world.at_rest() and not world.messages

    world.run(until=done)


def _healed(world: World, case: FaultCase, job_id: str) -> Iterator[str]:
    """Retry once what was definitely refused."""
    state, _, error = world.states()[0]
    if state == JobState.FAILED and case.trouble.definite:
        world.sandbox.clear_faults()
        start = world.client.retry(job_id)
        assert start.state == JobState.QUEUED
        world.run()
        state, _, error = world.states()[0]
    if state != JobState.PUBLISHED:
        yield f"parked: {state}, {error}"


def check(world: World) -> Iterator[str]:
    """The invariants of one canonical job that has ended."""
    # A fault on taking files away may last for several tries.
    for _ in range(3):
        world.sweep()
    yield from (f"broke: {error!r}" for error in world.broken)
    posts = world.sandbox.posts()
    texts = [post.text for post in posts]
    if len(set(texts)) != len(texts):
        yield f"double posts: {texts}"
    if texts != list(crash_job.TEXTS):
        yield f"lost, or out of order: {texts}"
    ids = [post.id for post in posts]
    if [post.parent_id for post in posts] != [None, *ids[:-1]]:
        yield "wrong parents"
    if [
        row[0] for row in world.rows('SELECT media_id FROM threadsworker_segment ORDER BY "index"')
    ] != ids:
        yield "the rows know other media ids"
    if world.sandbox.staged_files():
        yield f"files left: {world.sandbox.staged_paths()}"
    sent = [e for e in world.sandbox.ledger if e["path"].endswith("/threads_publish")]
    ((attempts,),) = world.rows("SELECT count(*) FROM threadsworker_attempt")
    if len(sent) > attempts:
        yield f"{len(sent)} publishes for {attempts} attempts"
    made = [e for e in world.sandbox.ledger if e["service"] in ("threads", "github")]
    if len(made) > MOST_CALLS:
        yield f"{len(made)} calls"
    database = b"".join(path.read_bytes() for path in world.settings.home.glob("*.db*"))
    if ACCESS_TOKEN.encode() in database or GITHUB_TOKEN.encode() in database:
        yield "a token in the rows"


def _run_number(number: int) -> Result:
    with tempfile.TemporaryDirectory(prefix="threadsworker-fault-") as folder:
        return run_case(cases()[number], fast_folder(Path(folder)))


def run(numbers: Sequence[int], *, processes: int) -> list[Result]:
    """The cases of those numbers, several at a time."""
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(_run_number, numbers, chunksize=4))


def report(results: Sequence[Result]) -> dict[str, object]:
    """Totals and failures, as JSON."""
    return {
        "cases": len(results),
        "passed": sum(not one.problems for one in results),
        "problems": Counter(p.partition(":")[0] for one in results for p in one.problems),
        "names": [one.name for one in results],
        "failures": [vars(one) for one in results if one.problems],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, help="report in JSON to be added to, as `faults`")
    parser.add_argument("--sample", type=int, default=1, help="every N-th case only")
    parser.add_argument("--only", help="cases whose name contains this")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    numbers = [n for n, case in enumerate(cases()) if not given.only or given.only in case.name]
    found = report(run(numbers[:: given.sample], processes=given.processes))
    if given.into:
        whole = json.loads(given.into.read_text()) if given.into.exists() else {}
        given.into.write_text(json.dumps({**whole, "faults": found}, indent=1) + "\n")
    for failure in found.pop("failures"):  # type: ignore[attr-defined]
        sys.stdout.write(f"{failure['name']}: {'; '.join(failure['problems'])}\n")
    found.pop("names")
    sys.stdout.write(f"{found}\n")
    return 0 if found["passed"] == found["cases"] else 1


if __name__ == "__main__":
    sys.exit(main())
