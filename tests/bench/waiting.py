"""
How late posts are that are due at the same second: `python -m tests.bench.waiting`.

Posts of many accounts, with real workers, Redis and PostgreSQL, next to the floor: the calls that
are needed until they are live, at the sandbox's speed, shared by all processes. What many posts
cost that are not due is measured by `tests.bench.scale`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench.installed import people, running
from tests.bench.measured import write
from tests.services import eventually
from threadsworker.sandbox import SandboxOptions

#: Seconds that the sandbox takes for a call.
CALL = 0.05
#: Calls to Meta from the moment on until a post is live: status, publish.
CALLS_UNTIL_LIVE = 2
WORKERS = 2


def main() -> int:
    """Print the table, and write it as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="tests.bench.waiting", description=__doc__)
    parser.add_argument("--posts", type=int, default=1000, help="due at the same second")
    parser.add_argument("--accounts", type=int, default=250)
    parser.add_argument("--processes", type=int, default=8, help="of each of two workers")
    parser.add_argument("--ahead", type=int, default=240, help="seconds that they have to prepare")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    found = {"lateness": lateness(asked.posts, asked.accounts, asked.processes, asked.ahead)}
    _say("lateness", found["lateness"])
    write(asked.json, found)
    return 0


def _say(title: str, figures: Mapping[str, Any]) -> None:
    lines = [title, *(f"    {name:<40} {value}" for name, value in figures.items())]
    sys.stdout.write("\n".join(lines) + "\n")


def lateness(posts: int, accounts: int, processes: int, ahead: int) -> dict[str, Any]:
    """How late posts go out that are due at the same second."""
    profiles = people(accounts)
    options = SandboxOptions(accounts=profiles, seed=1)
    workers = [["worker", "-c", str(processes)] for _ in range(WORKERS)]
    with running(options, [*workers, ["beat"]], prepare_ahead=str(ahead)) as installed:
        sandbox = installed.sandbox
        sandbox.plan_fault({"match": {"service": "threads"}, "delay": CALL, "times": 10**9})
        client = installed.client()
        for n, (token, profile) in enumerate(profiles.items()):
            client.add_account(f"a{n}", user_id=profile.user_id, access_token=token)
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=ahead + 30)
        for n in range(posts):
            client.enqueue(f"post {n}", account=f"a{n % accounts}", at=due)
        rest = (due - datetime.now(UTC)).total_seconds()
        eventually(lambda: len(sandbox.posts()) >= posts, timeout=rest + 600, every=0.5)
        moments = sorted(post.published_at - due.timestamp() for post in sandbox.posts())
    floor = posts * CALLS_UNTIL_LIVE * CALL / (WORKERS * processes)
    return {
        "posts": posts,
        "accounts": accounts,
        "processes": WORKERS * processes,
        "early": sum(moment < 0 for moment in moments),
        "lateness p50, s": round(statistics.median(moments), 2),
        "lateness p95, s": round(moments[int(0.95 * len(moments))], 2),
        "lateness p99, s": round(moments[int(0.99 * len(moments))], 2),
        "lateness max, s": round(moments[-1], 2),
        "floor of the last, s": round(floor, 2),
        "last over floor": round(moments[-1] / floor, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
