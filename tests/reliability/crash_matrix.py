"""
The crash matrix: `python -m tests.reliability.crash_matrix --lanes 6 --json report.json`.

Every case runs the canonical job with real worker processes, on PostgreSQL and Redis, against
the sandbox; workers are killed or stopped at one point after the other, and what is left of
the job, of its posts and of its staged files is compared with the promise.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from time import monotonic
from typing import Any

from tests.reliability import crash_job
from tests.reliability.crash_case import Result, run
from tests.reliability.crash_cases import ALL_FAMILIES, Case
from tests.reliability.crash_invariants import Problem, Wrong
from tests.reliability.crash_plan import plan, sample
from tests.reliability.harness_lane import Lane, lane
from tests.reliability.harness_zygote import zygote
from tests.services import PostgresServer, RedisServer, postgres_server, redis_server

#: As many lanes keep two processors busy: a case waits for leases most of the time.
LANES = 6
#: What is wrong is counted in these columns of the report; the rest is one column more.
COLUMNS = (Wrong.DOUBLE, Wrong.LOST, Wrong.PARENT, Wrong.FILES, Wrong.LIMBO)


@contextmanager
def lanes(
    count: int, *, postgres: PostgresServer, redis: RedisServer, directory: Path
) -> Iterator[list[Lane]]:
    """So many open lanes."""
    server = redis.url.rpartition("/")[0]
    steps = logging.getLogger("threadsworker.steps")
    with ExitStack() as stack:
        # That workers fall silent is what is wanted here, and no news.
        stack.callback(steps.setLevel, steps.level)
        steps.setLevel(logging.ERROR)
        workers = stack.enter_context(zygote())
        yield [
            stack.enter_context(
                lane(
                    directory / f"lane-{number}",
                    database=stack.enter_context(postgres.database()),
                    broker=f"{server}/{number}",
                    zygote=workers,
                )
            )
            for number in range(count)
        ]


def run_all(
    cases: Sequence[Case], on: Sequence[Lane], *, tell: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """The results of all cases, in their order; as many run at a time as there are lanes."""
    waiting: SimpleQueue[Case] = SimpleQueue()
    for case in cases:
        waiting.put(case)
    results: dict[str, Result] = {}

    def work(mine: Lane) -> None:
        while True:
            try:
                case = waiting.get_nowait()
            except Empty:
                return
            result = _run(mine, case)
            results[case.name] = result
            tell(result)

    threads = [Thread(target=work, args=(mine,), name=f"lane-{n}") for n, mine in enumerate(on)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[case.name] for case in cases]


def _run(mine: Lane, case: Case) -> Result:
    try:
        return run(mine, case)
    except Exception as error:
        # One case that cannot be run must not hide the others.
        broken = [Problem(Wrong.UNREACHED, f"{type(error).__name__}: {error}")]
        return Result(case.name, case.family, broken, 0.0, [], 0, 0, logs=mine.logs())


def table(results: Sequence[Result]) -> list[str]:
    """Totals by family, and the failures by name."""
    heads = ["run", "passed", *COLUMNS, "other"]
    lines = [f"{'family':<18}" + "".join(f"{head:>14}" for head in heads)]
    families = [one for one in ALL_FAMILIES if any(r.family == one for r in results)]
    for family in [*families, "all"]:
        mine = [one for one in results if family in (one.family, "all")]
        numbers = [len(mine), sum(one.passed for one in mine), *_counts(mine)]
        lines.append(f"{family:<18}" + "".join(f"{number:>14}" for number in numbers))
    lines.append(f"Meta was sent a publish again, or late, in {_sent_again(results)} cases")
    lines += [
        f"FAILED {one.case}: {problem.wrong}: {problem.detail}"
        for one in results
        for problem in one.problems
    ]
    return lines


def _sent_again(results: Sequence[Result]) -> int:
    """In how many cases Meta was sent more publishes than there are segments."""
    return sum(one.publishes > len(crash_job.TEXTS) for one in results)


def _counts(results: Sequence[Result]) -> list[int]:
    """How many cases had each of these wrong."""
    wrong = Counter(w for one in results for w in {problem.wrong for problem in one.problems})
    columns = [wrong.pop(column, 0) for column in COLUMNS]
    return [*columns, wrong.total()]


def main() -> int:
    """Run the matrix, print the table; 0 if every case passed."""
    asked = _arguments()
    began = monotonic()
    with TemporaryDirectory() as place, ExitStack() as stack:
        postgres = stack.enter_context(postgres_server(Path(place)))
        if postgres is None:
            _say("no PostgreSQL: start a server, or install its programs")
            return 2
        redis = stack.enter_context(redis_server())
        opened = stack.enter_context(
            lanes(asked.lanes, postgres=postgres, redis=redis, directory=Path(place))
        )
        cases = [c for c in plan(opened) if re.search(asked.only, f"{c.family}: {c.name}")]
        if asked.sample:
            cases = sample(cases, {}, others=asked.sample)
        _say(f"planned in {monotonic() - began:.1f} s")
        _say(f"{len(cases)} cases: {dict(Counter(case.family for case in cases))}")
        results = run_all(cases, opened, tell=lambda one: _tell(one, every=asked.verbose))
    seconds = round(monotonic() - began, 1)
    _say(*table(results), f"{len(results)} cases in {seconds} s on {asked.lanes} lanes")
    if asked.json is not None:
        asked.json.write_text(json.dumps(_report(results, seconds, asked.lanes), indent=1) + "\n")
    return 0 if all(one.passed for one in results) else 1


def _arguments() -> argparse.Namespace:
    given = argparse.ArgumentParser(prog="tests.reliability.crash_matrix", description=__doc__)
    given.add_argument("--lanes", type=int, default=LANES, help="cases at a time, 16 at most")
    given.add_argument("--json", type=Path, metavar="FILE", help="write every result here")
    given.add_argument("--only", default="", metavar="REGEX", help="searched in 'family: case'")
    given.add_argument("--sample", type=int, metavar="N", help="N cases of each family")
    given.add_argument("--verbose", action="store_true", help="tell of every case, not of failures")
    return given.parse_args()


def _report(results: Sequence[Result], seconds: float, lane_count: int) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    families = {
        family: {
            "run": sum(one.family == family for one in results),
            "passed": sum(one.family == family and one.passed for one in results),
        }
        for family in ALL_FAMILIES
    }
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "lanes": lane_count,
        "seconds": seconds,
        "families": families,
        "sent_again_or_late": _sent_again(results),
        "wrong": dict(Counter(p.wrong for one in results for p in one.problems)),
        "results": [one.as_json() for one in results],
    }


def _tell(result: Result, *, every: bool) -> None:
    if every or not result.passed:
        word = "passed" if result.passed else f"FAILED {result.problems}"
        _say(f"{result.seconds:6.2f} s  {result.case}: {word}")


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
